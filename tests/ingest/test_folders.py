"""Which files a walk finds."""

import os
from pathlib import Path

import pytest

from ambience.core.errors import BadParameterError
from ambience.ingest.folders import absolute, walk


def names(root: Path, *, leave_out: Path | None = None) -> list[str]:
    found = walk([root], leave_out=leave_out or root / "nowhere")
    return [file.path.relative_to(root).as_posix() for file in found]


def touch(root: Path, *files: str) -> None:
    for name in files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")


def test_images_are_found_in_a_fixed_order_and_nothing_else(tmp_path: Path) -> None:
    touch(tmp_path, "b.JPG", "a.png", "notes.txt", "sub/c.heic", "sub/deep/d.webp")
    assert names(tmp_path) == ["a.png", "b.JPG", "sub/c.heic", "sub/deep/d.webp"]


def test_hidden_things_are_left_out(tmp_path: Path) -> None:
    touch(tmp_path, ".a.jpg", ".hidden/b.jpg", "@eaDir/c.jpg", "shown/.d.jpg", "e.jpg")
    assert names(tmp_path) == ["e.jpg"]


def test_our_own_folder_is_left_out_by_whatever_name(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "data/thumbnails/b.webp")
    (tmp_path / "link").symlink_to(tmp_path / "data", target_is_directory=True)
    for name in ("data", "data/thumbnails/..", "link"):
        assert names(tmp_path, leave_out=tmp_path / name) == ["a.jpg"]


def test_a_link_to_itself_is_left_out(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg")
    for name in ("loop", "loop.jpg"):
        (tmp_path / name).symlink_to(tmp_path / name)
    assert names(tmp_path) == ["a.jpg"]


def test_a_date_beyond_64_bits_is_brought_back_into_them(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg")
    os.utime(tmp_path / "a.jpg", (2**34, 2**34))  # as late as most systems keep
    (found,) = walk([tmp_path], leave_out=tmp_path / "data")
    assert found.modified_ns == 2**63 - 1


def test_links_in_circles_end(tmp_path: Path) -> None:
    touch(tmp_path, "sub/a.jpg")
    (tmp_path / "sub" / "up").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "again").symlink_to(tmp_path / "sub", target_is_directory=True)
    assert len(names(tmp_path)) == 1


def test_a_link_that_leads_nowhere_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    assert names(tmp_path) == []


def test_a_linked_file_is_found_once(tmp_path: Path) -> None:
    touch(tmp_path / "elsewhere", "a.jpg")
    root = tmp_path / "root"
    root.mkdir()
    for name in ("one.jpg", "two.jpg"):
        (root / name).symlink_to(tmp_path / "elsewhere" / "a.jpg")
    assert names(root) == ["one.jpg"]


def test_a_file_named_itself_is_taken_whatever_its_name(tmp_path: Path) -> None:
    touch(tmp_path, "upload")
    (found,) = walk([tmp_path / "upload"], leave_out=tmp_path / "data")
    assert (found.path, found.byte_count) == (tmp_path / "upload", 1)


def test_a_path_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadParameterError, match="nowhere does not exist"):
        absolute([tmp_path / "nowhere"])


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_a_name_that_is_no_text_is_found(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.jpg")).write_bytes(b"x")
    assert len(list(walk([tmp_path], leave_out=tmp_path / "data"))) == 1
