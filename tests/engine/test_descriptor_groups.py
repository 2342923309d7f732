"""Every descriptor has its image, until that is removed."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambience.core.errors import CorruptDataError
from ambience.core.features import ImageId
from ambience.engine.embedded.descriptors.descriptor_groups import DescriptorGroups

CHANGES = st.lists(
    st.tuples(
        st.lists(st.integers(0, 9).map(ImageId), unique=True, max_size=4),
        st.lists(st.integers(1, 5), min_size=4, max_size=4),
        st.booleans(),
    ),
    max_size=12,
)


@given(changes=CHANGES)
def test_groups_answer_as_a_list_of_descriptors_does(
    changes: list[tuple[list[ImageId], list[int], bool]],
) -> None:
    groups = DescriptorGroups()
    numbers: list[int] = []
    images: list[int] = []  # the slow, obvious way: the image of each descriptor
    for ids, sizes, added in changes:
        groups.mark_removed(ids)
        images = [-1 if image in ids else image for image in images]
        if added:
            new = np.repeat(ids, sizes[: len(ids)]).astype(int).tolist()
            numbers += groups.append(new).tolist()
            images += new
        assert groups.image_ids(np.array(numbers, dtype=np.int64)).tolist() == images
        assert len(groups) == sum(image >= 0 for image in images)
        assert groups.living().sum() == len({image for image in images if image >= 0})
        assert groups.count == len(set(numbers))


def test_numbers_below_zero_are_nobody() -> None:
    groups = DescriptorGroups()
    none = np.full((2, 3), -1, dtype=np.int64)
    assert groups.image_ids(none).tolist() == none.tolist()
    groups.append([ImageId(4)])
    assert groups.image_ids(np.array([[-1, 0]])).tolist() == [[-1, 4]]


def test_what_was_saved_comes_back(tmp_path: Path) -> None:
    groups = DescriptorGroups()
    numbers = groups.append([ImageId(i) for i in (5, 5, 5, 2**52, 7)])
    groups.mark_removed([ImageId(5)])
    groups.save(tmp_path)
    again = DescriptorGroups.loaded(tmp_path)
    assert again.image_ids(numbers).tolist() == [-1, -1, -1, 2**52, 7]
    assert len(again) == 2
    assert again.append([ImageId(5)]).tolist() == [3]
    assert again.image_ids(np.array([0, 3])).tolist() == [-1, 5]


@pytest.mark.parametrize("name", ["ids.npy", "rows.npy"])
def test_damaged_files_are_refused(name: str, tmp_path: Path) -> None:
    groups = DescriptorGroups()
    groups.append([ImageId(5), ImageId(6)])
    groups.save(tmp_path)
    file = tmp_path / name
    file.write_bytes(file.read_bytes()[:-3])
    with pytest.raises(CorruptDataError):
        DescriptorGroups.loaded(tmp_path)
