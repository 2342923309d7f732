"""Every engine keeps what it promises, and answers as the obvious one does."""

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambience.core.errors import SpecMismatchError
from ambience.core.features import Feature, FeatureSpec, ImageId, Metric, Rows
from ambience.engine import Collection, Neighbor
from tests.contracts.engines import ENGINES, OpenedEngine, embedded, in_memory

SPECS = {
    "hamming": FeatureSpec(dim=9, dtype="uint8", metric=Metric.HAMMING),
    "l1": FeatureSpec(dim=16, dtype="uint16", metric=Metric.L1, scale=65535.0),
    "l2": FeatureSpec(dim=16, dtype="float32", metric=Metric.L2),
    "cosine": FeatureSpec(dim=24, dtype="float16", metric=Metric.COSINE),
}
RADII = {"hamming": 20.0, "l1": 0.9, "l2": 4.5, "cosine": 0.7}
WORST = 0.5
"""The least quality that is found."""


@pytest.fixture(params=SPECS)
def spec(request: pytest.FixtureRequest) -> FeatureSpec:
    return SPECS[request.param]


@contextmanager
def opened(
    engine: OpenedEngine, spec: FeatureSpec, *, min_quality: float = WORST
) -> Iterator[Collection]:
    collection = engine().vectors("toy", spec, min_quality=min_quality)
    try:
        yield collection
    finally:
        collection.close()


@pytest.fixture
def collection(engine: OpenedEngine, spec: FeatureSpec) -> Iterator[Collection]:
    with opened(engine, spec) as collection:
        yield collection


def ids(*numbers: int) -> list[ImageId]:
    return [ImageId(number) for number in numbers]


def rows(spec: FeatureSpec, seed: int, count: int = 1) -> Rows:
    """Return rows of which some are near each other, and no two equal."""
    rng = np.random.default_rng(seed)
    match spec.metric:
        case Metric.HAMMING:
            return rng.integers(0, 256, (count, spec.dim), dtype=np.uint8)
        case Metric.L1:
            shares = rng.dirichlet(np.full(spec.dim, 0.3))
            return rng.multinomial(65_535, shares, count).astype(spec.dtype)
        case _:
            return rng.normal(0, 1, (count, spec.dim)).astype(spec.dtype)


def one(spec: FeatureSpec, seed: int, quality: float = 1.0) -> Feature:
    return Feature(rows(spec, seed), quality)


def fill(collection: Collection, count: int = 8) -> None:
    spec = collection.spec
    collection.put({ImageId(i): one(spec, i) for i in range(count)})


def nearest_ids(collection: Collection, query: Rows, k: int = 99) -> list[int]:
    return [found.image_id for found in collection.nearest(query, k=k)]


def test_what_was_put_is_got_and_found(collection: Collection) -> None:
    spec = collection.spec
    fill(collection)
    got = collection.get(ids(3, 99, 5))
    assert list(got) == [3, 5]
    np.testing.assert_array_equal(got[ImageId(3)].rows, rows(spec, 3))
    assert got[ImageId(3)].rows.dtype == spec.dtype
    assert collection.nearest(rows(spec, 3), k=1) == [Neighbor(ImageId(3), 0.0, 0)]
    assert collection.within(rows(spec, 3), radius=0) == [Neighbor(ImageId(3), 0.0, 0)]
    assert len(collection) == 8


def test_rows_of_near_images_are_given(collection: Collection) -> None:
    fill(collection)
    collection.remove(ids(7))
    query, radius = rows(collection.spec, 3), RADII[str(collection.spec.metric)]
    wanted = {k: collection.nearest(query, k=k) for k in (1, 4, 99)}
    by_k = {k: collection.nearby_rows(query, k=k) for k in wanted}
    within = collection.within(query, radius=radius)
    for near, (owners, found) in (
        *((wanted[k], by_k[k]) for k in wanted),
        (within, collection.nearby_rows(query, radius=radius)),
    ):
        living = sorted({owner for owner in owners.tolist() if owner >= 0})
        assert {one.image_id for one in near} <= set(living)
        assert set(living) <= {one.image_id for one in wanted[99]}
        for image_id, kept in collection.get(ids(*living)).items():
            np.testing.assert_array_equal(found[owners == image_id], kept.rows)


def test_nothing_is_found_in_an_empty_collection(collection: Collection) -> None:
    query = rows(collection.spec, 1)
    assert collection.nearest(query, k=3) == []
    assert collection.within(query, radius=1e9) == []
    assert collection.groups(radius=1e9) == []
    assert (len(collection), collection.ids(), collection.get(ids(1))) == (0, [], {})
    assert collection.highest_id(below=2**53) is None
    assert list(collection.readings()) == []


def test_what_is_replaced_is_found_as_it_is_now(collection: Collection) -> None:
    spec = collection.spec
    fill(collection)
    collection.put({ImageId(3): one(spec, 50), ImageId(9): one(spec, 9)})
    assert nearest_ids(collection, rows(spec, 50), 1) == [3]
    assert collection.within(rows(spec, 3), radius=0) == []
    assert len(collection) == 9


def test_what_is_removed_is_gone(collection: Collection) -> None:
    spec = collection.spec
    fill(collection)
    assert collection.remove(ids(3, 99, 5)) == [3, 5]
    assert collection.remove(ids(3)) == []
    assert set(nearest_ids(collection, rows(spec, 3))) == {0, 1, 2, 4, 6, 7}
    assert collection.get(ids(3, 4)).keys() == {4}
    collection.put({ImageId(3): one(spec, 3)})
    assert nearest_ids(collection, rows(spec, 3), 1) == [3]


def test_ids_come_in_order_and_page_by_page(collection: Collection) -> None:
    spec = collection.spec
    collection.put({i: one(spec, i) for i in ids(70_000, 1, 300, 5)})
    collection.remove(ids(5))
    assert collection.ids() == [1, 300, 70_000]
    assert collection.ids(limit=2) == [1, 300]
    assert collection.ids(after=ImageId(1), limit=1) == [300]
    assert collection.ids(after=ImageId(70_000)) == []


def test_the_highest_id_counts_what_was_removed(collection: Collection) -> None:
    collection.put({i: one(collection.spec, i) for i in ids(4, 9, 20)})
    collection.remove(ids(9))
    assert collection.highest_id(below=2**53) == 20
    assert collection.highest_id(below=20) == 9
    assert collection.highest_id(below=4) is None


def test_each_image_is_answered_once_by_its_nearest_row(
    collection: Collection,
) -> None:
    spec = collection.spec
    several = rows(spec, 1, 3)
    collection.put({ImageId(5): Feature(several), ImageId(6): one(spec, 6)})
    queries = np.concatenate([rows(spec, 2, 2), several[1:2], several[1:2]])
    found = collection.nearest(queries, k=9)
    assert found[0] == Neighbor(ImageId(5), 0.0, 2)  # the first row, on a tie
    assert [neighbor.image_id for neighbor in found] == [5, 6]
    assert collection.status().rows == 4


def test_ties_are_broken_by_id(collection: Collection) -> None:
    feature = one(collection.spec, 1)
    collection.put({ImageId(i): feature for i in range(40, 0, -1)})
    assert nearest_ids(collection, feature.rows, 5) == [1, 2, 3, 4, 5]
    within = collection.within(feature.rows, radius=0)
    assert [found.image_id for found in within] == list(range(1, 41))


def test_what_is_of_too_little_quality_is_kept_and_not_found(
    collection: Collection,
) -> None:
    spec = collection.spec
    fill(collection, 3)
    collection.put({ImageId(9): one(spec, 1, 0.2), ImageId(2): one(spec, 2, 0.2)})
    assert len(collection) == 4
    assert collection.get(ids(9))[ImageId(9)].quality == pytest.approx(0.2, abs=0.01)
    assert set(nearest_ids(collection, rows(spec, 1))) == {0, 1}
    assert collection.groups(radius=0) == []
    assert collection.status().rows == 2


def test_groups_are_chains_of_near_images(collection: Collection) -> None:
    spec = collection.spec
    fill(collection, 5)
    collection.put({ImageId(20): one(spec, 1), ImageId(10): one(spec, 3)})
    collection.put(
        {ImageId(15): Feature(np.concatenate([rows(spec, 1), rows(spec, 77)]))}
    )
    assert collection.groups(radius=0) == [[1, 15, 20], [3, 10]]


def test_groups_hold_turned_versions_too(collection: Collection) -> None:
    spec = collection.spec

    def flipped(some: Rows) -> Iterator[Rows]:
        yield np.ascontiguousarray(some[:, ::-1])

    fill(collection, 5)
    collection.put({ImageId(9): Feature(next(flipped(rows(spec, 2))))})
    assert collection.groups(radius=0) == []
    assert collection.groups(radius=0, turn=flipped) == [[2, 9]]


def test_a_row_of_zeros_is_no_nearer_to_one_than_to_another(
    engine: OpenedEngine,
) -> None:
    spec = SPECS["cosine"]
    zeros = np.zeros((1, spec.dim), spec.dtype)
    with opened(engine, spec) as collection:
        fill(collection, 3)
        collection.put({ImageId(9): Feature(zeros)})
        assert {n.distance for n in collection.nearest(zeros, k=9)} == {1.0}
        far = {n.image_id: n.distance for n in collection.nearest(rows(spec, 1), k=9)}
        assert (far[ImageId(1)], far[ImageId(9)]) == (0.0, 1.0)


def test_rows_are_read_to_find_damage(collection: Collection) -> None:
    fill(collection, 5)
    collection.remove(ids(2))
    (reading,) = collection.readings()
    assert (list(reading.ids), list(reading.damaged)) == ([0, 1, 3, 4], [])
    (rest,) = collection.readings(after=ImageId(1))
    assert list(rest.ids) == [3, 4]
    assert collection.damaged(ids(0, 1, 99)) == []
    assert collection.remove_damaged(ids(0, 1)) == []
    collection.add_checksums(ids(0, 1, 99))
    assert len(collection) == 4


def test_everything_is_there_after_a_restart(
    engine: OpenedEngine, spec: FeatureSpec
) -> None:
    with opened(engine, spec) as collection:
        fill(collection)
        collection.remove(ids(2))
        before = collection.nearest(rows(spec, 4), k=99)
        status = collection.status()
    with opened(engine, spec) as collection:
        assert collection.status() == status
        assert collection.nearest(rows(spec, 4), k=99) == before
        assert collection.highest_id(below=3) == 2
        collection.put({ImageId(2): one(spec, 30)})
        assert nearest_ids(collection, rows(spec, 30), 1) == [2]


def test_features_of_another_kind_are_refused(
    engine: OpenedEngine, spec: FeatureSpec
) -> None:
    newer = FeatureSpec(dim=spec.dim, dtype=spec.dtype, metric=spec.metric, version=2)
    with opened(engine, spec) as collection:
        fill(collection, 1)
    with pytest.raises(SpecMismatchError), opened(engine, newer):
        pass


def test_a_rebuilt_index_answers_as_before(collection: Collection) -> None:
    spec = collection.spec
    fill(collection)
    collection.remove(ids(1))
    before = collection.nearest(rows(spec, 4), k=99)
    collection.snapshot()
    collection.rebuild()
    assert collection.nearest(rows(spec, 4), k=99) == before
    assert collection.status().lag == 0


def test_a_change_is_numbered(collection: Collection) -> None:
    before = collection.status().seq
    fill(collection, 3)
    collection.remove(ids(1))
    assert collection.status().seq == before + 4


@pytest.mark.parametrize("engine", [name for name in ENGINES if name != "memory"])
@pytest.mark.parametrize("metric", SPECS)
@given(data=st.data())
def test_every_engine_answers_as_the_obvious_one(
    engine: str,
    metric: str,
    tmp_path_factory: pytest.TempPathFactory,
    data: st.DataObject,
) -> None:
    spec = SPECS[metric]
    place = ENGINES[engine](tmp_path_factory.mktemp("place"))
    numbers = st.integers(0, 12).map(ImageId)
    with opened(place, spec) as fast, opened(in_memory(Path()), spec) as slow:
        for _ in range(data.draw(st.integers(1, 4))):
            if data.draw(st.booleans()):
                gone = data.draw(st.lists(numbers, max_size=5, unique=True))
                assert fast.remove(gone) == slow.remove(gone)
                continue
            seeds = st.tuples(
                st.integers(0, 9), st.integers(1, 3), st.sampled_from([0, 1])
            )
            for image_id, (seed, count, quality) in data.draw(
                st.dictionaries(numbers, seeds, max_size=5)
            ).items():
                feature = Feature(rows(spec, seed, count), float(quality))
                fast.put({image_id: feature})
                slow.put({image_id: feature})
        query = rows(spec, data.draw(st.integers(0, 9)), data.draw(st.integers(1, 3)))
        k = data.draw(st.integers(1, 15))
        radius = data.draw(st.sampled_from([0.0, RADII[metric]]))
        assert fast.ids() == slow.ids()
        assert fast.status().rows == slow.status().rows
        assert fast.nearest(query, k=k) == slow.nearest(query, k=k)
        assert fast.within(query, radius=radius) == slow.within(query, radius=radius)
        assert fast.groups(radius=radius) == slow.groups(radius=radius)


def _write(folder: Path, then: list[tuple[str, int]]) -> None:
    """Change a collection, in a process of its own."""
    spec = SPECS["hamming"]
    with opened(embedded(folder), spec) as collection:
        for act, number in then:
            if act == "put":
                collection.put({ImageId(number): one(spec, number)})
            else:
                collection.remove(ids(number))


def test_changes_of_another_process_are_found(tmp_path: Path) -> None:
    """Of the embedded engine only: processes share its files."""
    spec = SPECS["hamming"]
    with opened(embedded(tmp_path), spec) as collection:
        fill(collection, 3)
        acts = [("put", 70), ("remove", 1), ("put", 71), ("remove", 71)]
        other = multiprocessing.get_context("spawn").Process(
            target=_write, args=(tmp_path, acts)
        )
        other.start()
        other.join()
        assert other.exitcode == 0
        assert collection.status().lag > 0
        assert nearest_ids(collection, rows(spec, 70), 1) == [70]
        assert set(nearest_ids(collection, rows(spec, 1))) == {0, 2, 70}
        assert collection.status().lag == 0
