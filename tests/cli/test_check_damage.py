"""``ambience check`` reads every byte that ambience keeps, and notices changed ones."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import lmdb
import pytest

from ambience import registry
from ambience.cli import main
from ambience.core.features import ImageId
from ambience.engine.embedded.store import layout
from ambience.imaging import ImageFile
from ambience.ingest.originals import Originals
from tests.abilities import put
from tests.cli.conftest import NEW, Check
from tests.library import found_ids, opened_library

UPLOAD = ImageId(1000)


def features_of(data: Path, service: str) -> dict[int, bytes]:
    """Return the rows that a service keeps, by image."""
    path = str(data / "services" / service / "store.lmdb")
    with lmdb.open(path, subdir=False, max_dbs=4) as env:
        db = env.open_db(b"features")
        with env.begin() as txn:
            return {
                layout.number(key): layout.rows_part(value)
                for key, value in txn.cursor(db)
            }


def flip_features(data: Path, service: str) -> None:
    """Flip a bit in every feature of a service, as a failing disk may."""
    path = data / "services" / service / "store.lmdb"
    content = bytearray(path.read_bytes())
    for rows in set(features_of(data, service).values()):
        place = content.rindex(rows)
        while place >= 0:  # old copies as well: which is which nobody can tell
            content[place + len(rows) // 2] ^= 0x10
            place = content.rfind(rows, 0, place)
    path.write_bytes(content)


def original_of(data: Path) -> Path:
    (original,) = (file for file in (data / "originals").rglob("*") if file.is_file())
    return original


@pytest.mark.parametrize("service", registry.BUILTIN)
def test_changed_features_are_noticed_and_extracted_again(
    data: Path, check: Check, service: str
) -> None:
    before = features_of(data, service)
    flip_features(data, service)
    for _ in range(2):  # to look changes nothing
        assert check()["services"][service]["damaged"] == sorted(before)
    answer = check("--repair")
    assert answer["in_step"]
    assert answer["services"][service]["repaired"]["put"] == len(before)
    assert features_of(data, service) == before
    assert check()["in_step"]


def test_rebuilding_extracts_changed_features_again(
    data: Path, check: Check, capsys: pytest.CaptureFixture[str]
) -> None:
    before = features_of(data, "color")
    flip_features(data, "color")
    assert main(["rebuild", "color"]) == 0
    capsys.readouterr()
    assert features_of(data, "color") == before
    assert check()["in_step"]


def test_damaged_features_of_images_without_a_file_are_said(
    data: Path, check: Check
) -> None:
    with opened_library(data) as library:
        shutil.rmtree(data / "originals")
        library.components.writer.note_lone_image("color", ImageId(2000))
        color = next(b for b in library.components.services if b.name == "color")
        put(color, {ImageId(2000): ImageFile(NEW)})
    flip_features(data, "color")
    answer = check("--repair")
    color_said = answer["services"]["color"]
    assert color_said["damaged"] == [1000, 2000]
    assert color_said["reasons"][0]["image_id"] == UPLOAD


def test_a_share_of_the_bytes_is_read_at_a_time(data: Path, check: Check) -> None:
    flip_features(data, "color")
    damaged = bytearray(original_of(data).read_bytes())
    damaged[-1] ^= 1
    original_of(data).write_bytes(damaged)
    read, found = 0, 0
    for _ in range(3):
        answer = check("--share", "0.34")
        read += answer["files"]["read"]
        found += answer["files"]["damaged"]
    assert 6 <= read <= 9
    assert found >= 1
    answer = check("--share", "0")
    assert answer["files"]["read"] == 0
    assert answer["in_step"]


@pytest.mark.parametrize(
    "damage",
    [lambda data: data[:-1] + bytes([data[-1] ^ 1]), lambda data: data[:50]],
    ids=["flipped", "cut"],
)
def test_a_damaged_original_is_named(
    data: Path,
    check: Check,
    capsys: pytest.CaptureFixture[str],
    damage: Callable[[bytes], bytes],
) -> None:
    original = original_of(data)
    original.write_bytes(damage(NEW))
    for words in ([], ["--repair"]):
        files = check(*words)["files"]
        assert (files["damaged"], files["first_damaged"]) == (1, UPLOAD)
    main(["check"])
    assert "the original of image 1000 is damaged" in capsys.readouterr().out
    original.write_bytes(NEW)
    assert check()["in_step"]


def test_a_file_of_the_users_that_decayed_is_told_from_one_they_changed(
    folder: Path, check: Check, capsys: pytest.CaptureFixture[str]
) -> None:
    file = folder / "0.png"
    times = file.stat().st_atime_ns, file.stat().st_mtime_ns
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    assert check()["files"]["changed"] == 0  # which the next import takes in
    os.utime(file, ns=times)
    files = check("--repair")["files"]
    assert files["changed"] == 1
    main(["check"])
    said = capsys.readouterr().out
    assert f"your file of image {files['first_changed']} has changed, " in said
    assert file.read_bytes() == content


@pytest.mark.parametrize("size", [0, 1, 100])
def test_damaged_thumbnails_are_made_again(data: Path, check: Check, size: int) -> None:
    thumbnails = list((data / "thumbnails").glob("*/*.webp"))
    before = {path: path.read_bytes() for path in thumbnails}
    for path in thumbnails:
        os.truncate(path, size)
    files = check()["files"]
    assert (files["bad_thumbnail"], files["no_thumbnail"]) == (6, 0)
    answer = check("--repair")
    assert (answer["in_step"], answer["files"]["remade"]) == (True, 6)
    assert {path: path.read_bytes() for path in thumbnails} == before


@pytest.mark.parametrize("how", ["an entry", "a page"])
def test_a_damaged_index_of_the_catalog_is_said_and_made_anew(
    data: Path, check: Check, capsys: pytest.CaptureFixture[str], how: str
) -> None:
    file = data / "catalog.sqlite3"
    with closing(sqlite3.connect(file)) as catalog:
        (size,) = catalog.execute("PRAGMA page_size").fetchone()
        query = "SELECT rootpage FROM sqlite_master WHERE name = 'images_by_sha256'"
        (page,) = catalog.execute(query).fetchone()
    content = bytearray(file.read_bytes())
    first = (page - 1) * size
    if how == "a page":
        content[first : first + size] = b"\xa5" * size
    else:
        content[content.index(sha256(NEW).digest(), first, first + size)] ^= 1
    file.write_bytes(content)
    answer = check()
    assert answer["catalog"]["problems"]
    assert not answer["in_step"]
    answer = check("--repair")
    if how == "a page":
        assert answer["catalog"]["problems"]
        assert main(["check", "--repair"]) == 1
        assert "restore it from a backup" in capsys.readouterr().out
        return
    assert answer["in_step"]
    assert answer["catalog"] == {"problems": [], "mended": True}
    assert check()["in_step"]


def test_a_calibration_that_can_not_be_used_is_said(data: Path, check: Check) -> None:
    (data / "calibration.json").write_text("nonsense", "utf-8")
    answer = check()
    assert not answer["in_step"]
    assert "ambience train fusion" in answer["calibration"]


def test_an_original_comes_back_from_the_trash(data: Path, check: Check) -> None:
    """As after a delete that a catalog put back to before it does not know of."""
    with opened_library(data) as library:
        (record,) = library.components.catalog.find([UPLOAD])
        assert record.original is not None
        Originals(data).discard(record.original)
    files = check()["files"]
    assert (files["lost"], files["in_trash"]) == (1, 1)
    answer = check("--repair")
    assert (answer["in_step"], answer["files"]["restored"]) == (True, 1)
    assert original_of(data).read_bytes() == NEW


def test_what_is_lost_does_not_stop_a_search(data: Path) -> None:
    flip_features(data, "phash")
    with opened_library(data) as library:
        assert found_ids(library, NEW)[0] == UPLOAD
