"""A catalog that is gone, or older than the rest, is noticed, and much comes back."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ambience.cli import main
from ambience.core.features import ImageId
from ambience.imaging import ImageFile
from ambience.ingest import Arrival, Writer
from ambience.service import SearchRequest
from tests.abilities import put, searching
from tests.cli.conftest import NEW, Check
from tests.drawing import drawn_image, encode
from tests.library import found_ids, opened_library, write_images

FIRST, UPLOADS = 2000, 8
FILES = 5  # of the user's, which the older catalog knows, and one upload
CATALOG = "catalog.sqlite3"


def image(number: int) -> bytes:
    return encode(drawn_image(FIRST + number, (60, 80)))


def upload(data: Path, image_id: int, content: bytes) -> None:
    with opened_library(data) as library:
        _put(library.components.writer, image_id, content)


def _put(writer: Writer, image_id: int, content: bytes) -> None:
    prepared = writer.prepare(ImageFile(content))
    arrival = Arrival(ImageId(image_id), prepared, upload=content, keep=True)
    writer.put([arrival])


@pytest.fixture
def killed(data: Path, tmp_path: Path) -> Path:
    """The library after uploads, as a process that is killed leaves it."""
    with opened_library(data) as library:
        for number in range(UPLOADS):
            _put(library.components.writer, FIRST + number, image(number))
        shutil.copytree(data, tmp_path / "killed")
    shutil.rmtree(data)
    (tmp_path / "killed").rename(data)
    return data


def drop_log(data: Path) -> None:
    (data / f"{CATALOG}-wal").unlink()
    (data / f"{CATALOG}-shm").unlink()


def cut_log(data: Path) -> None:
    log = data / f"{CATALOG}-wal"
    os.truncate(log, log.stat().st_size // 2)
    (data / f"{CATALOG}-shm").unlink()


def drop(data: Path) -> None:
    for file in data.glob(f"{CATALOG}*"):
        file.unlink()


def empty(data: Path) -> None:
    drop(data)
    (data / CATALOG).touch()


@pytest.mark.parametrize("damage", [drop_log, cut_log, drop, empty])
def test_what_the_catalog_does_not_know_is_said_and_adopted(
    killed: Path,
    folder: Path,
    check: Check,
    capsys: pytest.CaptureFixture[str],
    damage: Callable[[Path], None],
) -> None:
    damage(killed)
    answer = check()
    unknown = answer["strays"]["originals"]
    whole = damage in (drop, empty)
    assert 0 < unknown <= UPLOADS + whole
    assert unknown == UPLOADS + whole or damage is cut_log
    for service in answer["services"].values():
        assert service["unknown"] == unknown + FILES * whole
    with opened_library(killed) as library:  # who has no page is not answered
        known = set(library.components.catalog.ids())
        assert set(found_ids(library, image(UPLOADS - 1), k=20)) <= known
    assert main(["check"]) == 1
    said = capsys.readouterr().out
    assert "originals of no image" in said
    assert "that the catalog does not know" in said
    answer = check("--repair")
    assert answer["strays"]["adopted"] == unknown
    assert answer["in_step"] is not whole
    if whole:
        for service in answer["services"].values():
            assert service["unknown"] == FILES
        assert main(["import", str(folder)]) == 0
        capsys.readouterr()
        answer = check("--unknown", "forget")
        assert answer["in_step"]
    with opened_library(killed) as library:
        assert len(library.components.catalog) == FILES + 1 + UPLOADS
        for number in range(UPLOADS):
            (record,) = library.components.catalog.find([ImageId(FIRST + number)])
            file = library.components.originals.file_of(record)
            assert file is not None
            assert file.read_bytes() == image(number)
            assert found_ids(library, image(number))[0] == FIRST + number
    assert check()["in_step"]


def test_an_older_catalog_gives_out_no_id_again(killed: Path, tmp_path: Path) -> None:
    drop_log(killed)
    shutil.rmtree(killed / "originals")  # the services alone know, too
    more = write_images(tmp_path / "more", 1, first=900)
    assert main(["import", str(more[0].parent)]) == 0
    with opened_library(killed) as library:
        (added,) = (
            r
            for r in map(
                library.components.catalog.get, library.components.catalog.ids()
            )
            if r.path == more[0]
        )
        assert added.image_id == FIRST + UPLOADS
        phash = next(b for b in library.components.services if b.name == "phash")
        answer = searching(phash).search(ImageFile(image(3)), SearchRequest(radius=0))
        assert [match.image_id for match in answer.matches] == [FIRST + 3]


def test_originals_alone_keep_ids_from_being_given_out(killed: Path) -> None:
    drop(killed)
    shutil.rmtree(killed / "services")
    with opened_library(killed) as library:
        assert library.components.catalog.reserve_ids(1) == [FIRST + UPLOADS]


def test_what_is_unknown_may_be_kept(killed: Path, check: Check) -> None:
    drop_log(killed)
    shutil.rmtree(killed / "originals")
    answer = check("--unknown", "keep")
    assert [one["unknown"] for one in answer["services"].values()] == [0] * 3
    with opened_library(killed) as library:
        assert FIRST + 3 in found_ids(library, image(3))


def test_what_was_put_to_one_service_alone_is_known(data: Path, check: Check) -> None:
    with opened_library(data) as library:
        color = next(b for b in library.components.services if b.name == "color")
        library.components.writer.note_lone_image("color", ImageId(7000))
        put(color, {ImageId(7000): ImageFile(image(1))})
        assert 7000 in [
            m.image_id
            for m in searching(color)
            .search(ImageFile(image(1)), SearchRequest(k=5))
            .matches
        ]
    assert check()["in_step"]
    with opened_library(data) as library:  # unknown where nobody claimed it
        color = next(b for b in library.components.services if b.name == "color")
        put(color, {ImageId(7001): ImageFile(image(2))})
    color_said = check()["services"]["color"]
    assert (color_said["unknown"], color_said["first_unknown"]) == (1, 7001)


def test_a_catalog_from_before_claims_answers_all_it_finds(data: Path) -> None:
    with opened_library(data) as library:
        with library.components.database.transaction() as connection:
            connection.exec_driver_sql(
                "UPDATE counters SET value = 0 WHERE name LIKE 'claims%'"
            )
        for service in library.components.services:
            put(service, {ImageId(7001): ImageFile(image(2))})
        assert found_ids(library, image(2))[0] == 7001
        with library.components.database.transaction() as connection:
            connection.exec_driver_sql(
                "UPDATE counters SET value = 1 WHERE name LIKE 'claims%'"
            )
        assert 7001 not in found_ids(library, image(2))


def test_originals_that_can_not_be_images_again_stay_or_go_to_the_trash(
    data: Path, check: Check, capsys: pytest.CaptureFixture[str]
) -> None:
    originals = data / "originals" / "000003"
    originals.mkdir()
    (originals / "3000-copy.png").write_bytes(NEW)
    (originals / "3001-cut.png").write_bytes(image(1)[:100])
    (originals / "no name.png").write_bytes(image(2))
    upload(data, 3002, image(3))
    with opened_library(data) as library:
        library.components.writer.delete(ImageId(3002))
    (originals / "3002-deleted.png").write_bytes(image(4))
    strays = check()["strays"]
    assert (strays["originals"], strays["adopted"]) == (4, 0)
    strays = check("--repair")["strays"]
    assert (strays["adopted"], strays["renumbered"], strays["trashed"]) == (0, 2, 1)
    (refused,) = strays["refused"]
    assert refused["path"] == str(originals / "3001-cut.png")
    assert (originals / "3001-cut.png").exists()
    (trashed,) = (data / "trash").glob("*/3000-copy.png")
    assert trashed.read_bytes() == NEW
    assert main(["check"]) == 1
    assert "3001-cut.png" in capsys.readouterr().out
    (originals / "3001-cut.png").unlink()
    assert check()["in_step"]


def test_an_original_takes_the_place_of_a_lost_one(data: Path, check: Check) -> None:
    (original,) = (file for file in (data / "originals").rglob("*") if file.is_file())
    original.rename(original.with_name("1000-renamed.png"))
    assert check()["files"]["lost"] == 1
    answer = check("--repair")
    assert (answer["in_step"], answer["strays"]["adopted"]) == (True, 1)


def test_thumbnails_of_no_image_are_removed(data: Path, check: Check) -> None:
    stray = data / "thumbnails" / "ab" / f"{'ab' * 32}.webp"
    stray.parent.mkdir(exist_ok=True)
    stray.write_bytes(b"x")
    assert check()["strays"]["thumbnails"] == 1
    assert check("--repair")["in_step"]
    assert not stray.exists()
