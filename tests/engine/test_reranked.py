"""The compressed index of histograms finds what the exact one finds."""

import numpy as np
import pytest
from numpy.typing import NDArray

from ambience.core.features import FeatureSpec, ImageId, Metric, Rows
from ambience.engine.embedded.flat_index import FlatIndex
from ambience.engine.embedded.reranked.reranked_index import RerankedIndex

SPEC = FeatureSpec(dim=512, dtype="uint16", metric=Metric.L1, scale=65535.0)
COUNT = 6_000


def histograms(count: int, *, seed: int) -> Rows:
    """Return rows like those of photographs: sparse, around a hundred palettes."""
    rng = np.random.default_rng(seed)
    palettes = np.random.default_rng(0).dirichlet(np.full(512, 0.05), 100)
    out = np.empty((count, 512), dtype=np.uint16)
    for row in range(count):
        near = palettes[rng.integers(100)] + 0.2 * palettes[rng.integers(100)]
        out[row] = rng.multinomial(65535, rng.dirichlet(40 * near / near.sum() + 1e-6))
    return out


class Library:
    """Stored histograms."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self.gone: set[int] = set()
        self.most = 0  # rows read at once

    def rows_of(self, ids: NDArray[np.int64]) -> tuple[NDArray[np.int64], Rows]:
        self.most = max(self.most, len(ids))
        there = np.array([i for i in ids if i not in self.gone], dtype=np.int64)
        return there, self.rows[there]


@pytest.fixture(scope="module")
def library() -> Library:
    return Library(histograms(COUNT, seed=1))


@pytest.fixture
def index(library: Library, monkeypatch: pytest.MonkeyPatch) -> RerankedIndex:
    monkeypatch.setattr(
        "ambience.engine.embedded.reranked.reranked_index.EXACT_ROWS", 1_000
    )
    coded = RerankedIndex(SPEC, library.rows_of)
    for start in range(0, COUNT, 900):
        stop = min(COUNT, start + 900)
        coded.replace(
            (), list(map(ImageId, range(start, stop))), library.rows[start:stop]
        )
    return coded


@pytest.fixture(scope="module")
def flat(library: Library) -> FlatIndex:
    exact = FlatIndex(SPEC)
    exact.replace((), list(map(ImageId, range(COUNT))), library.rows)
    return exact


def test_the_nearest_are_found_reading_a_part(
    index: RerankedIndex, flat: FlatIndex, library: Library
) -> None:
    library.most = 0
    found = wanted = 0
    for query in histograms(40, seed=2):
        exact = flat.nearest(query[None], k=30)
        wanted += len(exact)
        found += len(set(exact) & set(index.nearest(query[None], k=30)))
    assert found / wanted >= 0.999
    assert library.most == 1_000


def test_a_radius_finds_all_within(index: RerankedIndex, flat: FlatIndex) -> None:
    for query in histograms(10, seed=3):
        exact = flat.within(query[None], radius=1.25)
        found = index.within(query[None], radius=1.25)
        assert len(exact) > 10
        assert len(set(exact) & set(found)) >= 0.99 * len(exact)
        assert index.within(query[None], radius=2.0) == flat.within(
            query[None], radius=2.0
        )


def test_what_left_the_store_is_not_found(
    index: RerankedIndex, library: Library
) -> None:
    library.gone = {5}
    found = index.nearest(library.rows[5:6], k=3)
    library.gone = set()
    assert ImageId(5) not in {neighbor.image_id for neighbor in found}
    assert len(found) == 3


def test_codes_are_compacted(
    index: RerankedIndex, flat: FlatIndex, library: Library
) -> None:
    index.replace(list(map(ImageId, range(5_000))), [], library.rows[:0])
    assert len(index) == 1_000
    for image_id in (5_000, 5_500, 5_999):
        query = library.rows[image_id : image_id + 1]
        near = [n for n in flat.nearest(query, k=COUNT) if n.image_id >= 5_000]
        assert index.nearest(query, k=20) == near[:20]
    assert index.nearest(library.rows[:1], k=1)[0].image_id >= 5_000


def test_equal_changes_give_equal_answers(
    library: Library, index: RerankedIndex
) -> None:
    again = RerankedIndex(SPEC, library.rows_of)
    for start in range(0, COUNT, 900):
        stop = min(COUNT, start + 900)
        again.replace(
            (), list(map(ImageId, range(start, stop))), library.rows[start:stop]
        )
    for query in histograms(5, seed=4):
        one = index.nearest(query[None], k=50)
        assert again.nearest(query[None], k=50) == one
