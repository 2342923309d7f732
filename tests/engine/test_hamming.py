"""The index of binary rows keeps its promises on recall, compaction and memory."""

import tracemalloc

import numpy as np
import pytest

from ambience.core.features import FeatureSpec, ImageId, Metric
from ambience.engine.embedded.hamming.hamming_index import HammingIndex
from ambience.engine.embedded.hamming.segment_tables import SegmentTables
from tests.engine.hashes import SPEC, flipped, random_hashes

COUNT = 40_000  # enough for tables, and for a tail behind them


def ids(start: int, stop: int) -> list[ImageId]:
    return list(map(ImageId, range(start, stop)))


@pytest.fixture(scope="module")
def index() -> HammingIndex:
    full = HammingIndex(SPEC)
    rows = random_hashes(COUNT, seed=0)
    full.replace((), ids(0, 30_000), rows[:30_000])
    full.replace((), ids(30_000, COUNT), rows[30_000:])
    return full


def test_fewer_flips_than_segments_are_always_found(index: HammingIndex) -> None:
    rows = random_hashes(COUNT, seed=0)[::100]
    queries = flipped(rows, np.arange(len(rows)) % 36, seed=1)
    for number, query in enumerate(queries):
        found = index.within(query[None], radius=36)
        assert [neighbor.image_id for neighbor in found] == [number * 100]


@pytest.mark.parametrize(("fewest", "floor"), [(0, 0.9995), (64, 0.999)])
def test_near_duplicates_are_found(
    index: HammingIndex, fewest: int, floor: float
) -> None:
    rows = random_hashes(COUNT, seed=0)[:8_000]
    flips = np.random.default_rng(2).integers(fewest, 65, len(rows))
    queries = flipped(rows, flips, seed=3)
    found = 0
    for number in range(0, len(rows), 8):  # eight versions a search
        near = index.within(queries[number : number + 8], radius=64)
        found += len(near)
        assert all(flips[n.image_id] == n.distance for n in near)
    assert found / len(rows) >= floor


def test_the_tail_behind_the_tables_is_searched(index: HammingIndex) -> None:
    last = random_hashes(COUNT, seed=0)[-1:]
    assert [n.image_id for n in index.within(last, radius=64)] == [COUNT - 1]


def test_past_the_tables_radius_every_row_is_read(index: HammingIndex) -> None:
    rows = random_hashes(COUNT, seed=0)[:20]
    queries = flipped(rows, np.full(20, 200), seed=4)
    for number, query in enumerate(queries):
        assert ImageId(number) in {
            neighbor.image_id for neighbor in index.within(query[None], radius=200)
        }


def test_tables_decline_when_their_buckets_are_full() -> None:
    rows = np.zeros((1_000, 72), dtype=np.uint8)
    assert SegmentTables(rows).within(rows[:1], radius=64) is None


def test_a_library_of_equal_hashes_is_searched() -> None:
    index = HammingIndex(SPEC)
    index.replace((), ids(0, 20_000), np.zeros((20_000, 72), dtype=np.uint8))
    query = np.zeros((8, 72), dtype=np.uint8)
    assert [n.image_id for n in index.nearest(query, k=5)] == ids(0, 5)
    assert len(index.within(query, radius=64)) == 20_000


def test_tables_serve_rows_of_odd_length() -> None:
    rows = random_hashes(500, seed=5)[:, :13].copy()
    spec = FeatureSpec(dim=13, dtype="uint8", metric=Metric.HAMMING)
    index = HammingIndex(spec)
    index.replace((), ids(0, 500), rows)
    found = SegmentTables(rows).within(rows[7:8], radius=3)
    assert found is not None
    assert set(found[0].tolist()) == {7}
    assert index.within(rows[7:8], radius=3)[0].image_id == 7


def test_removed_rows_leave_the_memory() -> None:
    tracemalloc.start()
    index = HammingIndex(SPEC)
    rows = random_hashes(30_000, seed=6)
    before = tracemalloc.get_traced_memory()[0]
    index.replace((), ids(0, 30_000), rows)
    index.replace(ids(0, 29_990), [], rows[:0])
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert len(index) == 10
    assert grown < 1_000_000
    assert index.nearest(rows[-1:], k=1)[0].image_id == 29_999
    assert index.within(rows[:1], radius=64) == []
