"""The index of descriptors finds the images that share spots with a query."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ambience.core.errors import BadInputError
from ambience.core.features import ImageId
from ambience.core.keypoints import ROW
from ambience.engine.embedded.descriptors.descriptor_index import DescriptorIndex
from ambience.engine.embedded.descriptors.quantizer import Quantizer
from ambience.service.keypoints.votes import Ballots, Candidate
from tests.engine.keypoint_rows import (
    AN_IMAGE,
    IMAGES,
    UNLIKE,
    KeypointRows,
    drawn_rows,
    fill,
    first,
    ids,
    image,
    near_copy,
    votes,
)
from tests.service.keypoints.test_votes import slow_candidates


class Shelf:
    """The slow, obvious index: rows in a dictionary, compared one by one."""

    def __init__(self) -> None:
        self.images: dict[int, KeypointRows] = {}

    def votes(
        self, rows: KeypointRows, variants: NDArray[np.int64], count: int, k: int
    ) -> list[Candidate]:
        rows_near = []
        for row in rows.view(ROW)[:, 0]:
            near = []
            for number, stored in self.images.items():
                for other in stored.view(ROW)[:, 0]:
                    apart = other["descriptor"].astype(float) - row["descriptor"]
                    turn = (int(other["angle"]) >> 8) - (int(row["angle"]) >> 8)
                    scaling = (int(other["scale"]) >> 8) - (int(row["scale"]) >> 8)
                    distance = float(np.sqrt(np.square(apart).sum()))
                    near.append((distance, number, turn % 256, scaling))
            near.sort()
            rows_near.append(near[:k] + [(np.inf, -1, 0, 0)] * (k - len(near)))
        table = np.array(rows_near)
        found = Ballots(
            table[:, :, 0],
            table[:, :, 1].astype(np.int64),
            table[:, :, 2].astype(np.uint8),
            table[:, :, 3].astype(np.int64),
            variants,
        )
        return slow_candidates(found, count, UNLIKE)


@given(data=st.data())
def test_the_exact_index_answers_as_the_slow_one(data: st.DataObject) -> None:
    index = DescriptorIndex(threads=data.draw(st.integers(1, 3)))
    shelf = Shelf()
    numbers = st.integers(0, 6)
    for turn in range(data.draw(st.integers(1, 4))):
        gone = data.draw(st.lists(numbers, max_size=3))
        new = data.draw(st.dictionaries(numbers, st.integers(1, 6), max_size=4))
        rows = drawn_rows(turn, sum(new.values()))
        image_ids = np.repeat(list(new), list(new.values())).astype(int).tolist()
        index.replace([*map(ImageId, gone), *map(ImageId, new)], image_ids, rows)
        for number in gone:
            shelf.images.pop(number, None)
        for number in new:
            shelf.images[number] = rows[np.array(image_ids) == number]
    assert len(index) == sum(map(len, shelf.images.values()))
    stored = [*shelf.images.values(), drawn_rows(50, 3)]
    query = near_copy(np.concatenate(stored)[::2], 7, turn=9000, octaves=-0.7)
    variants = np.arange(len(query)) % data.draw(st.integers(1, 2))
    k = data.draw(st.integers(1, 12))
    fast = votes(index, query, 9, variants=variants, k=k)
    assert fast == shelf.votes(query, variants, 9, k)


def test_an_empty_index_finds_nothing(index: DescriptorIndex) -> None:
    assert votes(index, image(1)) == []
    assert len(index) == 0
    index.replace([ImageId(4)], [], image(1)[:0])
    assert votes(index, image(1)) == []


def test_an_empty_query_finds_nothing(index: DescriptorIndex) -> None:
    fill(index, 3)
    assert votes(index, image(1)[:0]) == []


def test_an_image_with_one_descriptor_is_found(index: DescriptorIndex) -> None:
    row = image(1)[:1]
    index.replace((), ids(7, 1), row)
    (found,) = votes(index, row)
    assert (found.image_id, found.variant) == (7, 0)
    assert found.votes > 0


def test_near_copies_find_their_image(index: DescriptorIndex) -> None:
    fill(index)
    for number in range(IMAGES):
        copy = near_copy(image(number), 500, turn=20_000, octaves=-1.3)
        found = votes(index, copy[:20])
        assert found[0].image_id == number
        assert found[0].votes > 2 * found[1].votes


def test_both_kinds_agree_on_the_first(quantizer: Quantizer) -> None:
    exact, trained = DescriptorIndex(), DescriptorIndex(quantizer)
    assert (exact.kind, trained.kind) == ("exact", "IVF128,PQ16")
    for index in (exact, trained):
        fill(index)
    for number in range(IMAGES):
        part = near_copy(image(number), 501)[: AN_IMAGE // 3]
        assert first(trained, part) == first(exact, part) == number


def test_versions_are_counted_apart(index: DescriptorIndex) -> None:
    fill(index)
    rows = np.concatenate([image(3)[:30], image(4)[:20]])
    variants = np.repeat([0, 1, 0], [20, 10, 20])
    found = votes(index, rows, 3, variants=variants)
    order = [(one.image_id, one.variant) for one in found]
    assert order[2] == (3, 1)
    assert sorted(order[:2]) == [(3, 0), (4, 0)]


def test_ties_are_broken_by_id(index: DescriptorIndex) -> None:
    rows = np.repeat(image(1)[:1], 5 * 4, axis=0)  # all rows of all images are equal
    image_ids = [i for number in (9, 2, 8, 1, 5) for i in ids(number, 4)]
    index.replace((), image_ids, rows)
    found = votes(index, rows[:3], 9, k=20)
    assert [one.image_id for one in found] == [1, 2, 5, 8, 9]
    assert len({one.votes for one in found}) == 1


def test_threads_change_nothing(index: DescriptorIndex) -> None:
    fill(index)
    rows = near_copy(np.concatenate([image(3), image(40)]), 7)
    alone = DescriptorIndex(index.quantizer, threads=1)
    fill(alone)
    one = votes(alone, rows, count=50)
    assert len(one) > 10
    assert votes(index, rows, count=50) == one


def test_what_is_replaced_is_found_as_it_is_now(index: DescriptorIndex) -> None:
    fill(index)
    index.replace([ImageId(5), ImageId(6)], ids(5), image(1005))
    assert len(index) == (IMAGES - 1) * AN_IMAGE
    assert first(index, image(1005)) == 5
    for number in (5, 6):
        found = {one.image_id for one in votes(index, image(number), count=100)}
        assert 6 not in found
        assert first(index, image(number)) != 6
    index.replace([], ids(6), image(6))
    assert first(index, image(6)) == 6
    assert len(index) == IMAGES * AN_IMAGE


def test_removed_descriptors_take_nobodys_place(
    index: DescriptorIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "ambience.engine.embedded.descriptors.descriptor_index._MIN_DEAD", 100
    )
    monkeypatch.setattr(
        "ambience.engine.embedded.descriptors.descriptor_index._AT_ONCE", 7
    )
    fill(index, 20)
    for number in range(100, 112):  # a dozen copies of one image hide it
        index.replace([], ids(number), near_copy(image(7), number))
    index.replace([ImageId(7)], ids(7), near_copy(image(7), 50, octaves=0.4))
    index.replace([ImageId(number) for number in range(100, 112)], [], image(0)[:0])
    found = votes(index, image(7), count=100)
    assert found[0].image_id == 7
    assert not {one.image_id for one in found} & set(range(100, 112))
    alone = DescriptorIndex(index.quantizer)
    fill(alone, 7)
    alone.replace([], ids(7), near_copy(image(7), 50, octaves=0.4))
    for number in range(8, 20):
        alone.replace([], ids(number), image(number))
    assert found == votes(alone, image(7), count=100)


def test_training_is_due_when_an_index_has_outgrown_its_own(
    quantizer: Quantizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "ambience.engine.embedded.descriptors.descriptor_index.TRAINED_FROM",
        3 * AN_IMAGE,
    )
    exact = DescriptorIndex()
    fill(exact, 2)
    assert not exact.training_due()
    fill(exact, 1)
    assert exact.training_due()
    few = Quantizer(quantizer.centroids, quantizer.codebooks, AN_IMAGE)
    trained = DescriptorIndex(few)
    fill(trained, 3)
    assert not trained.training_due()
    fill(trained, 1)
    assert trained.training_due()


def test_an_index_can_be_filled_anew_with_its_quantizer(quantizer: Quantizer) -> None:
    index = DescriptorIndex(quantizer)
    fill(index)
    again = index.quantizer
    assert again is not None
    assert again.count == quantizer.count
    other = DescriptorIndex(again)
    fill(other)
    assert votes(other, image(3)) == votes(index, image(3))
    assert DescriptorIndex().quantizer is None


@pytest.mark.parametrize("shape", [(50, 135), (50,), (49, 136)])
def test_rows_of_another_shape_are_refused(
    index: DescriptorIndex, shape: tuple[int, ...]
) -> None:
    rows = np.zeros(shape, np.uint8)
    with pytest.raises(BadInputError):
        index.replace([], ids(1), rows)
    if rows.shape[1:] != (ROW.itemsize,):
        with pytest.raises(BadInputError):
            index.nearest(rows, k=3)
    assert len(index) == 0


def test_rows_of_another_dtype_are_refused(index: DescriptorIndex) -> None:
    with pytest.raises(BadInputError):
        index.replace([], ids(1), image(1).astype(np.uint16))


def test_equal_changes_give_equal_answers(
    empty: Callable[[], DescriptorIndex],
) -> None:
    one, other = empty(), empty()
    for index in (one, other):
        fill(index)
    for number in range(0, IMAGES, 7):
        rows = near_copy(image(number), 9)
        assert votes(one, rows, count=60) == votes(other, rows, count=60)
