"""The duplicates in a folder are found from nothing, and nothing is written."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ambience.core.errors import BadParameterError
from ambience.imaging import DEFAULT_LIMITS
from ambience.search.folder_duplicates import FolderDuplicates, folder_duplicates
from tests.drawing import drawn_image, encode
from tests.library import blank_page

LARGE = (360, 480)  # as many keypoints as a photograph has


def found(folder: Path, *, parts: bool = False) -> FolderDuplicates:
    return folder_duplicates(
        [folder],
        radius=64,
        parts=parts,
        limits=DEFAULT_LIMITS,
        leave_out=folder / "data",
    )


def told(answer: FolderDuplicates) -> dict[str, dict[str, str]]:
    return {
        str(group.keeper.path and group.keeper.path.name): {
            str(one.image.path and one.image.path.name): str(one.match.relation)
            for one in (*group.others, *group.parts)
        }
        for group in answer.groups
    }


def test_copies_are_found_however_turned_and_strangers_are_not(tmp_path: Path) -> None:
    drawn = [drawn_image(seed) for seed in range(12)]
    for number, pixels in enumerate(drawn):
        (tmp_path / f"{number}.png").write_bytes(encode(pixels))
    below = tmp_path / "below"
    below.mkdir()
    (below / "0.jpg").write_bytes(encode(drawn[0], "JPEG", quality=40))
    (below / "1.png").write_bytes((tmp_path / "1.png").read_bytes())
    mirrored = np.ascontiguousarray(drawn[2][:, ::-1])
    (below / "2m.jpg").write_bytes(encode(mirrored, "JPEG"))
    turned = np.ascontiguousarray(np.rot90(drawn[3]))
    (below / "3t.jpg").write_bytes(encode(turned, "JPEG"))
    (below / "4s.jpg").write_bytes(encode(drawn[4][::2, ::2], "JPEG"))
    answer = found(tmp_path)
    assert told(answer) == {
        "0.png": {"0.jpg": "re_encoded"},
        "1.png": {"1.png": "same_file"},
        "2.png": {"2m.jpg": "mirrored"},
        "3.png": {"3t.jpg": "rotated"},
        "4.png": {"4s.jpg": "re_encoded"},
    }
    assert answer.image_count == 17
    assert all(
        one.match.score > 0.999 for group in answer.groups for one in group.others
    )


def test_blank_pages_are_duplicates_only_where_their_bytes_are_equal(
    tmp_path: Path,
) -> None:
    for name, level in (("a", 255), ("b", 255), ("c", 250), ("d", 240)):
        (tmp_path / f"{name}.png").write_bytes(blank_page(level))
    assert told(found(tmp_path)) == {"a.png": {"b.png": "same_file"}}


def test_a_hostile_file_costs_only_itself(tmp_path: Path) -> None:
    data = encode(drawn_image(1))
    (tmp_path / "a.png").write_bytes(data)
    (tmp_path / "b.png").write_bytes(data)
    (tmp_path / "cut.png").write_bytes(data[: len(data) // 2])
    (tmp_path / "text.jpg").write_bytes(b"text")
    answer = found(tmp_path)
    assert told(answer) == {"a.png": {"b.png": "same_file"}}
    assert answer.image_count == 2
    assert [failure.path.name for failure in answer.failed] == ["cut.png", "text.jpg"]


def test_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encode(drawn_image(1)))
    before = {path: path.stat() for path in tmp_path.rglob("*")}
    found(tmp_path, parts=True)
    after = {path: path.stat() for path in tmp_path.rglob("*")}
    assert {p: s.st_mtime_ns for p, s in before.items()} == {
        p: s.st_mtime_ns for p, s in after.items()
    }


def test_our_own_data_is_not_looked_through(tmp_path: Path) -> None:
    data = encode(drawn_image(1))
    (tmp_path / "data").mkdir()
    for name in ("a.png", "data/b.png"):
        (tmp_path / name).write_bytes(data)
    assert found(tmp_path).image_count == 1


def test_a_file_that_is_named_twice_is_no_duplicate_of_itself(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(encode(drawn_image(1)))
    answer = folder_duplicates(
        [file, tmp_path],
        radius=64,
        parts=False,
        limits=DEFAULT_LIMITS,
        leave_out=tmp_path / "data",
    )
    assert (answer.image_count, answer.groups) == (1, [])


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BadParameterError, match="does not exist"):
        found(tmp_path / "nowhere")


def test_crops_and_insets_are_found_by_their_keypoints(tmp_path: Path) -> None:
    for seed in range(6):
        (tmp_path / f"{seed}.png").write_bytes(encode(drawn_image(seed, LARGE)))
    crop = drawn_image(0, LARGE)[60:280, 80:380]
    (tmp_path / "crop.jpg").write_bytes(encode(crop, "JPEG"))
    page = np.full((300, 400, 3), 255, np.uint8)
    inset = Image.fromarray(drawn_image(1, LARGE)).resize((240, 180))
    page[60:240, 80:320] = np.asarray(inset)
    (tmp_path / "page.png").write_bytes(encode(page))
    for name in ("blank", "blank too"):  # without any keypoint
        (tmp_path / f"{name}.png").write_bytes(blank_page(len(name)))
    assert told(found(tmp_path)) == {}
    assert told(found(tmp_path, parts=True)) == {
        "0.png": {"crop.jpg": "crop"},
        "1.png": {"page.png": "contains"},
    }
