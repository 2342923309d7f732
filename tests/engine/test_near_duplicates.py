"""Groups of near-duplicates, checked against comparing every row with every other."""

from collections.abc import Iterator

import numpy as np
import pytest

from ambience.core.distances import hamming_distances
from ambience.core.features import ImageId, Rows
from ambience.engine.embedded.hamming.bit_samples import plan
from ambience.engine.embedded.hamming.hamming_index import HammingIndex
from ambience.engine.embedded.hamming.near_duplicates import near_duplicate_groups
from tests.engine.hashes import BITS, SPEC, flipped, random_hashes


def library(count: int, *, seed: int) -> Rows:
    """Return random hashes; the last quarter are copies, 0 to 80 bits away."""
    rows = random_hashes(count, seed=seed)
    part = count // 4
    flips = np.random.default_rng(seed).integers(0, 81, part)
    rows[count - part :] = flipped(rows[:part], flips, seed=seed)
    return rows


def filled(rows: Rows, ids: list[int] | None = None) -> HammingIndex:
    index = HammingIndex(SPEC)
    index.replace((), list(map(ImageId, ids or range(len(rows)))), rows)
    return index


def brute(rows: Rows, radius: int) -> list[tuple[int, int]]:
    return [
        (first, second)
        for first, row in enumerate(rows)
        for second in np.flatnonzero(hamming_distances(row, rows) <= radius).tolist()
        if first < second
    ]


@pytest.mark.parametrize("count", [0, 1, 2, 400, 4_000])
@pytest.mark.parametrize("threads", [1, 2])
def test_groups_are_those_of_comparing_all(count: int, threads: int) -> None:
    rows = library(count, seed=1)
    found = filled(rows).groups(radius=64, threads=threads)
    expected = brute(rows, 64)  # each hash has at most one copy
    assert {tuple(group) for group in found} <= set(expected)
    assert len(found) >= 0.999 * len(expected)
    assert found == sorted(found)


def test_pairs_at_exactly_the_radius_are_found() -> None:
    rows = random_hashes(16_000, seed=2)
    rows[8_000:] = flipped(rows[:8_000], np.full(8_000, 64), seed=3)
    found = filled(rows).groups(radius=64, threads=2)
    assert len(found) >= 0.999 * 8_000
    assert all(second - first == 8_000 for first, second in found)


def test_groups_are_chains_of_pairs() -> None:
    start = random_hashes(3, seed=4)
    chain = [start[0]]
    for step in range(3):  # 40 bits each: the ends are farther apart than the radius
        chain.append(flipped(chain[-1][None], np.array([40]), seed=step)[0])
    rows = np.stack([start[1], *chain, start[2], start[2]])
    assert filled(rows).groups(radius=64) == [[1, 2, 3, 4], [5, 6]]


def test_fifty_thousand_equal_hashes_make_one_group() -> None:
    rows = np.repeat(random_hashes(1, seed=6), 50_000, axis=0)
    assert [len(group) for group in filled(rows).groups(radius=64)] == [50_000]


def test_thousands_of_nearly_equal_hashes_make_one_group() -> None:
    rows = np.repeat(random_hashes(1, seed=7), 5_000, axis=0)
    rows = flipped(rows, np.full(5_000, 5), seed=8)
    assert [len(group) for group in filled(rows).groups(radius=64)] == [5_000]


def test_rows_of_one_image_make_no_group() -> None:
    rows = np.repeat(random_hashes(1, seed=9), 4, axis=0)
    assert filled(rows[:2], [7, 7]).groups(radius=64) == []
    assert filled(rows, [7, 7, 9, 9]).groups(radius=64) == [[7, 9]]


def test_removed_images_are_in_no_group() -> None:
    index = filled(np.repeat(random_hashes(1, seed=10), 3, axis=0))
    index.replace([ImageId(1)], [], random_hashes(0, seed=0))
    assert index.groups(radius=64) == [[0, 2]]


@pytest.mark.parametrize("count", [100, 3_000])
def test_turned_versions_are_compared_too(count: int) -> None:
    rows = random_hashes(count, seed=11)
    turned = flipped(rows, np.full(count, 250), seed=12)
    rows[-1] = turned[3]

    def turn(_: Rows) -> Iterator[Rows]:
        yield turned

    ids = np.arange(count)
    assert near_duplicate_groups(ids, rows, radius=64, turn=turn) == [[3, count - 1]]
    assert near_duplicate_groups(ids, rows, radius=64) == []


def test_plans_take_more_bits_for_more_rows() -> None:
    plans = [plan(10**n, row_bits=BITS, radius=64) for n in range(3, 8)]
    assert [p.bits for p in plans] == sorted(p.bits for p in plans)
    assert plan(1_000, row_bits=BITS, radius=0).tables == 1
