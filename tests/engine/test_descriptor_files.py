"""An index of descriptors survives its files, or says that it can't."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from ambience.core.errors import CorruptDataError
from ambience.core.features import ImageId
from ambience.engine.embedded.descriptors.descriptor_index import (
    CODES_FILE,
    SIZES_FILE,
    DescriptorIndex,
)
from ambience.engine.embedded.descriptors.quantizer import Quantizer
from tests.engine.keypoint_rows import fill, first, ids, image, votes


def test_what_was_saved_comes_back_and_can_be_changed(
    index: DescriptorIndex, tmp_path: Path
) -> None:
    fill(index)
    index.replace([ImageId(8)], [], image(0)[:0])
    index.save(tmp_path)
    again = DescriptorIndex()
    again.replace([], ids(1000), image(3))
    again.load(tmp_path)
    assert (len(again), again.kind) == (len(index), index.kind)
    assert again.training_due() == index.training_due()
    for number in (3, 8):
        assert votes(again, image(number)) == votes(index, image(number))
    for one in (index, again):  # what was mapped is copied before its first change
        one.replace([ImageId(4)], ids(8) + ids(77), np.tile(image(8), (2, 1)))
    for number in (3, 4, 8):
        assert votes(again, image(number)) == votes(index, image(number))
    assert len(again) == len(index)
    later = tmp_path / "later"
    later.mkdir()
    again.save(later)
    third = DescriptorIndex()
    third.load(later)
    third.save(later)  # mapped codes can be written, even over themselves
    assert votes(third, image(3)) == votes(index, image(3))
    again.load(later)
    for number in (3, 4, 8):
        assert votes(again, image(number)) == votes(index, image(number))


def test_an_empty_index_comes_back(index: DescriptorIndex, tmp_path: Path) -> None:
    index.save(tmp_path)
    again = DescriptorIndex()
    fill(again, 2)
    again.load(tmp_path)
    assert len(again) == 0
    assert votes(again, image(1)) == []
    fill(again, 2)
    assert first(again, image(1)) == 1


def test_a_folder_that_cannot_be_written_to_is_an_os_error(
    index: DescriptorIndex, tmp_path: Path
) -> None:
    with pytest.raises(OSError, match="absent"):
        index.save(tmp_path / "absent")


@pytest.mark.parametrize("name", [CODES_FILE, SIZES_FILE, "ids.npy", "rows.npy"])
@pytest.mark.parametrize("left", [None, 0, 3, 100, -1])
def test_damaged_files_are_refused_and_change_nothing(
    index: DescriptorIndex, name: str, left: int | None, tmp_path: Path
) -> None:
    fill(index, 20)
    index.save(tmp_path)
    file = tmp_path / name
    data = file.read_bytes()
    file.unlink()
    if left is not None:
        file.write_bytes(data[:left])
    again = DescriptorIndex()
    again.replace([], ids(1000), image(3))
    with pytest.raises(CorruptDataError):
        again.load(tmp_path)
    assert first(again, image(3)) == 1000


@pytest.mark.parametrize("seed", range(20))
def test_nonsense_is_refused(index: DescriptorIndex, seed: int, tmp_path: Path) -> None:
    fill(index, 2)
    index.save(tmp_path)
    rng = np.random.default_rng(seed)
    (tmp_path / CODES_FILE).write_bytes(rng.bytes(int(rng.integers(1, 5_000))))
    with pytest.raises(CorruptDataError):
        DescriptorIndex().load(tmp_path)


def test_files_that_do_not_belong_together_are_refused(
    quantizer: Quantizer, tmp_path: Path
) -> None:
    folders = {}
    for name, count, kind in (
        ("exact", 20, None),
        ("trained", 20, quantizer),
        ("fewer", 10, quantizer),
    ):
        index = DescriptorIndex(kind)
        fill(index, count)
        folders[name] = tmp_path / name
        folders[name].mkdir()
        index.save(folders[name])
    for name, other in (
        ("exact", "trained"),
        ("trained", "exact"),
        ("fewer", "trained"),  # labels of groups that are not there
        ("trained", "fewer"),  # groups without their labels
    ):
        mixed = tmp_path / f"{name} with the codes of {other}"
        shutil.copytree(folders[name], mixed)
        shutil.copy(folders[other] / CODES_FILE, mixed)
        sizes = np.load(mixed / SIZES_FILE)
        sizes[1] = (mixed / CODES_FILE).stat().st_size
        np.save(mixed / SIZES_FILE, sizes)
        with pytest.raises(CorruptDataError):
            DescriptorIndex().load(mixed)
