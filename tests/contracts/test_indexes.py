"""Every index answers as the flat one does."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ambience.core.errors import BadInputError, CorruptDataError
from ambience.core.features import FeatureSpec, ImageId, Metric, Rows
from ambience.engine import Neighbor
from ambience.engine.embedded.flat_index import FlatIndex
from ambience.engine.embedded.hamming.hamming_index import HammingIndex
from ambience.engine.embedded.index import VectorIndex
from ambience.engine.embedded.reranked.reranked_index import RerankedIndex

HASHES = FeatureSpec(dim=72, dtype="uint8", metric=Metric.HAMMING)
FEW_BITS = FeatureSpec(dim=1, dtype="uint8", metric=Metric.HAMMING)  # many ties
HISTOGRAMS = FeatureSpec(dim=16, dtype="uint16", metric=Metric.L1, scale=65535.0)
POINTS = FeatureSpec(dim=16, dtype="float32", metric=Metric.L2)
DIRECTIONS = FeatureSpec(dim=16, dtype="float16", metric=Metric.COSINE)
SPECS = {
    "flat": HISTOGRAMS,
    "hamming": HASHES,
    "tied hamming": FEW_BITS,
    "l1": HISTOGRAMS,
    "coded l1": HISTOGRAMS,
    "coded l2": POINTS,
    "coded cosine": DIRECTIONS,
}


class Rig:
    """An index beside the flat one, and the store both stand for."""

    def __init__(self, kind: str) -> None:
        self.spec = SPECS[kind]
        self.kind = kind
        self.stored: dict[ImageId, Rows] = {}
        self.index = self.empty()
        self.flat = FlatIndex(self.spec)

    def empty(self) -> VectorIndex | FlatIndex:
        match self.kind:
            case "flat":
                return FlatIndex(self.spec)
            case "l1" | "coded l1" | "coded l2" | "coded cosine":
                return RerankedIndex(self.spec, self.rows_of)
            case _:
                return HammingIndex(self.spec)

    def rows_of(self, ids: NDArray[np.int64]) -> tuple[NDArray[np.int64], Rows]:
        stored = self.stored
        found = [(i, row) for i in ids if i in stored for row in stored[i]]
        rows = [row for _, row in found]
        shape = (len(rows), self.spec.dim)
        return (
            np.array([i for i, _ in found], dtype=np.int64),
            np.array(rows, dtype=self.spec.dtype).reshape(shape),
        )

    def rows(self, seed: int, count: int) -> Rows:
        rng = np.random.default_rng(seed)
        if self.spec.metric is Metric.HAMMING:
            return rng.integers(0, 256, (count, self.spec.dim), dtype=np.uint8)
        if self.spec.metric is not Metric.L1:
            return rng.normal(0, 1, (count, 16)).astype(self.spec.dtype)
        return rng.multinomial(65535, rng.dirichlet(np.full(16, 0.3)), count).astype(
            np.uint16
        )

    def put(self, ids: Sequence[ImageId], rows: Rows) -> None:
        """Replace images: one row for each id, several where it stands repeatedly."""
        for image_id in ids:
            self.stored[image_id] = rows[[i == image_id for i in ids]]
        self.index.replace(ids, ids, rows)
        self.flat.replace(ids, [], rows[:0])  # the slow, obvious way
        self.flat.replace([], ids, rows)

    def remove(self, ids: Sequence[ImageId]) -> None:
        for image_id in ids:
            self.stored.pop(image_id, None)
        for index in (self.index, self.flat):
            index.replace(ids, [], self.rows(0, 0))

    def check(self, queries: Rows, k: int, radius: float) -> None:
        assert len(self.index) == len(self.flat) == sum(map(len, self.stored.values()))
        assert self.index.nearest(queries, k=k) == self.flat.nearest(queries, k=k)
        within = self.index.within(queries, radius=radius)
        assert within == self.flat.within(queries, radius=radius)


KINDS = tuple(SPECS)


@pytest.fixture(params=KINDS)
def rig(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Rig:
    if request.param.startswith("coded"):
        monkeypatch.setattr(
            "ambience.engine.embedded.reranked.reranked_index.EXACT_ROWS", 4
        )
    if request.param == "tied hamming":
        monkeypatch.setattr(
            "ambience.engine.embedded.hamming.hamming_index._MIN_TAIL", 8
        )
    return Rig(request.param)


def ids(*numbers: int) -> list[ImageId]:
    return [ImageId(number) for number in numbers]


def test_an_empty_index_finds_nothing(rig: Rig) -> None:
    query = rig.rows(0, 1)
    assert rig.index.nearest(query, k=5) == []
    assert rig.index.within(query, radius=1e9) == []
    assert len(rig.index) == 0


def test_an_index_of_one_finds_it(rig: Rig) -> None:
    row = rig.rows(0, 1)
    rig.put(ids(7), row)
    assert rig.index.nearest(row, k=5) == [Neighbor(ImageId(7), 0.0, 0)]
    assert rig.index.within(row, radius=0) == [Neighbor(ImageId(7), 0.0, 0)]


def test_an_emptied_index_finds_nothing(rig: Rig) -> None:
    row = rig.rows(0, 1)
    rig.put(ids(7), row)
    rig.remove(ids(7, 8))
    rig.remove([])
    rig.check(row, k=5, radius=2)
    assert rig.index.nearest(row, k=5) == []


def test_ties_are_broken_by_id(rig: Rig) -> None:
    row = rig.rows(0, 1)
    rig.put(ids(*range(99, 0, -1)), np.repeat(row, 99, axis=0))
    found = rig.index.nearest(row, k=3)
    assert [neighbor.image_id for neighbor in found] == [1, 2, 3]
    rig.check(row, k=40, radius=0)


def test_the_nearest_version_counts(rig: Rig) -> None:
    rows = rig.rows(0, 3)
    rig.put(ids(5, 5, 6), rows)
    queries = np.concatenate([rig.rows(1, 2), rows[1:2], rows[1:2]])
    nearest = rig.index.nearest(queries, k=9)[0]
    assert nearest == Neighbor(ImageId(5), 0.0, 2)
    assert len(rig.index.nearest(queries, k=9)) == 2
    rig.check(queries, k=1, radius=1)


def test_an_image_with_many_rows_hides_no_other(rig: Rig) -> None:
    row = rig.rows(0, 1)
    rows = np.concatenate([np.repeat(row, 3000, axis=0), rig.rows(1, 2)])
    rig.put(ids(*[3] * 3000, 4, 5), rows)
    assert len(rig.index.nearest(row, k=3)) == 3
    rig.check(row, k=3, radius=300)


def test_rows_of_another_shape_are_refused(rig: Rig) -> None:
    with pytest.raises(BadInputError):
        rig.index.replace((), ids(1), rig.rows(0, 1)[:, :-1])


@given(data=st.data(), kind=st.sampled_from(KINDS))
def test_every_index_answers_as_the_flat_one(data: st.DataObject, kind: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "ambience.engine.embedded.reranked.reranked_index.EXACT_ROWS",
            6 if kind.startswith("coded") else 99,
        )
        patch.setattr("ambience.engine.embedded.hamming.hamming_index._MIN_TAIL", 6)
        patch.setattr("ambience.engine.embedded.row_buffer._MIN_DEAD", 4)
        rig = Rig(kind)
        some_ids = st.lists(st.integers(0, 12).map(ImageId), max_size=10)
        for _ in range(data.draw(st.integers(1, 6))):
            changed = data.draw(some_ids)
            if data.draw(st.booleans()):
                rig.remove(changed)
            else:
                rig.put(changed, rig.rows(data.draw(st.integers(0, 20)), len(changed)))
        queries = rig.rows(data.draw(st.integers(0, 20)), data.draw(st.integers(1, 3)))
        # beyond the tables' radius, or so near that they find everything
        radius = data.draw(st.sampled_from([0, 0.5, 1, 30, 270, 300]))
        rig.check(queries, data.draw(st.integers(1, 15)), radius)


def test_what_was_saved_comes_back(rig: Rig, tmp_path: Path) -> None:
    rig.put(ids(*range(50)), rig.rows(0, 50))
    rig.remove(ids(*range(10, 20)))
    rig.index.save(tmp_path)
    again = rig.empty()
    again.replace((), ids(1000), rig.rows(5, 1))
    again.load(tmp_path)
    query = rig.rows(0, 50)[13:14]
    assert again.nearest(query, k=60) == rig.flat.nearest(query, k=60)
    rig.index = again
    rig.put(ids(3, 60), rig.rows(2, 2))
    rig.check(query, k=60, radius=2)


@pytest.mark.parametrize("name", ["ids.npy", "rows.npy", "codes.npy"])
def test_damaged_files_are_refused_and_change_nothing(
    rig: Rig, name: str, tmp_path: Path
) -> None:
    rig.put(ids(*range(50)), rig.rows(0, 50))
    rig.index.save(tmp_path)
    file = tmp_path / name
    if not file.exists():
        return
    file.write_bytes(file.read_bytes()[:100])
    again = rig.empty()
    with pytest.raises(CorruptDataError):
        again.load(tmp_path)
    assert again.nearest(rig.rows(0, 1), k=1) == []


def test_searches_run_beside_changes(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ambience.engine.embedded.row_buffer._MIN_DEAD", 16)
    fixed = rig.rows(0, 20)
    rig.put(ids(*range(20)), fixed)
    done = threading.Event()
    failures: list[str] = []

    def look(search: Callable[[Rows], list[Neighbor]]) -> None:
        while not done.is_set():
            for image_id in range(20):
                found = search(fixed[image_id : image_id + 1])
                near = [n.image_id for n in found if n.distance == 0]
                if image_id not in near:
                    failures.append(f"{image_id} missing from {found}")

    threads = [
        threading.Thread(target=look, args=(lambda q: rig.index.nearest(q, k=300),)),
        threading.Thread(target=look, args=(lambda q: rig.index.within(q, radius=0),)),
    ]
    for thread in threads:
        thread.start()
    for turn in range(60):
        new = ids(*range(100 + turn, 140 + turn))
        rig.put(new, rig.rows(turn, 40))
    done.set()
    for thread in threads:
        thread.join()
    assert failures == []
    rig.check(fixed[:1], k=300, radius=2)


def test_an_image_that_is_being_replaced_is_never_missing(rig: Rig) -> None:
    rig.put(ids(*range(200)), rig.rows(1, 200))
    both = rig.rows(2, 2)
    rig.put(ids(7), both[:1])
    done = threading.Event()
    missed: list[list[Neighbor]] = []

    def look() -> None:
        while not done.is_set():
            found = rig.index.nearest(both, k=200)
            if 7 not in [n.image_id for n in found if n.distance == 0]:
                missed.append(found)

    thread = threading.Thread(target=look)
    thread.start()
    for turn in range(300):
        rig.put(ids(7), both[turn % 2 :][:1])
    done.set()
    thread.join()
    assert missed == []
    rig.check(both, k=5, radius=0)
