"""What an import adds, skips, follows and reports."""

import os
import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from PIL import Image

from ambience.catalog import ImageRecord
from ambience.cli.importing import exit_code
from ambience.cli.output import report_lines
from ambience.core.errors import BadParameterError
from ambience.core.features import ImageId
from ambience.imaging import ImageFile
from ambience.ingest import Arrival, Progress, Report, walk
from ambience.ingest.folders import absolute
from ambience.library.library import Library
from tests.drawing import drawn_image, encode
from tests.library import found_ids, opened_library, write_images


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with opened_library(tmp_path / "data") as library:
        yield library


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_images(tmp_path / "photos", 5)
    return tmp_path / "photos"


def run(library: Library, *paths: Path, again: bool = False) -> Report:
    return library.components.importer.run(paths, again=again)


def counts(report: Report) -> dict[str, int]:
    numbers = {
        name: getattr(report, name)
        for name in ("added", "changed", "skipped", "moved", "deleted", "missing")
    }
    numbers["failed"] = len(report.failed)
    return {name: number for name, number in numbers.items() if number}


def everything(library: Library) -> list[ImageRecord]:
    return library.components.catalog.find(library.components.catalog.ids())


def last_seqs(library: Library) -> list[int]:
    return [service.status()["store"]["seq"] for service in library.components.services]


def sizes(library: Library) -> set[int]:
    counts = {int(b.status()["count"]) for b in library.components.services}
    return counts | {len(library.components.catalog)}


def test_everything_is_added_and_found(library: Library, folder: Path) -> None:
    assert counts(run(library, folder)) == {"added": 5}
    assert sizes(library) == {5}
    for image in everything(library):
        assert image.path is not None
        assert found_ids(library, image.path.read_bytes())[0] == image.image_id
        assert library.components.originals.thumbnail_path(image.sha256).exists()


def test_what_has_not_changed_is_skipped(library: Library, folder: Path) -> None:
    run(library, folder)
    assert counts(run(library, folder)) == {"skipped": 5}
    (folder / "0.png").touch()  # a new date, the same content
    assert counts(run(library, folder)) == {"skipped": 5}
    assert counts(run(library, folder)) == {"skipped": 5}


def test_a_changed_file_keeps_its_id(library: Library, folder: Path) -> None:
    run(library, folder)
    (before,) = library.components.catalog.with_sha256(sha256(folder / "0.png"))
    (folder / "0.png").write_bytes(encode(drawn_image(99, (60, 80))))
    assert counts(run(library, folder)) == {"changed": 1, "skipped": 4}
    new, old = (encode(drawn_image(seed, (60, 80))) for seed in (99, 0))
    assert found_ids(library, new)[0] == before.image_id
    assert before.image_id not in found_ids(library, old)[:1]
    assert not library.components.originals.thumbnail_path(before.sha256).exists()


def test_a_moved_file_keeps_its_id_and_features(library: Library, folder: Path) -> None:
    run(library, folder)
    (before,) = library.components.catalog.with_sha256(sha256(folder / "0.png"))
    before_seqs = last_seqs(library)
    (folder / "sub").mkdir()
    (folder / "0.png").rename(folder / "sub" / "renamed.png")
    report = run(library, folder)
    assert counts(report) == {"moved": 1, "skipped": 4}
    moved = library.components.catalog.get(before.image_id)
    assert moved.path == folder / "sub" / "renamed.png"
    assert not moved.missing
    assert last_seqs(library) == before_seqs


def test_of_two_new_places_one_is_the_move(library: Library, folder: Path) -> None:
    run(library, folder)
    data = (folder / "0.png").read_bytes()
    (folder / "0.png").unlink()
    for name in ("x.png", "y.png"):
        (folder / name).write_bytes(data)
    assert counts(run(library, folder)) == {"moved": 1, "added": 1, "skipped": 4}
    assert sizes(library) == {6}


def test_a_file_found_again_elsewhere_later_is_moved(
    library: Library, folder: Path
) -> None:
    run(library, folder)
    data = (folder / "0.png").read_bytes()
    (folder / "0.png").unlink()
    assert counts(run(library, folder)) == {"missing": 1, "skipped": 4}
    (folder / "elsewhere.png").write_bytes(data)
    assert counts(run(library, folder)) == {"moved": 1, "skipped": 4}


def test_an_import_does_not_take_the_id_of_an_image_that_was_put(
    library: Library, folder: Path
) -> None:
    upload = encode(drawn_image(90, (60, 80)))
    prepared = library.components.writer.prepare(ImageFile(upload))
    library.components.writer.put(
        [Arrival(ImageId(1), prepared, upload=upload, keep=True)]
    )
    library.components.writer.delete(ImageId(1))
    run(library, folder)
    ids = library.components.catalog.ids()
    assert ids == [2, 3, 4, 5, 6]


def test_a_stop_during_the_walk_ends_it(library: Library, folder: Path) -> None:
    stop = threading.Event()
    stop.set()
    report = library.components.importer.run([folder], stop=stop)
    assert report.stopped
    assert sizes(library) == {0}


def test_images_are_shown_at_the_date_they_were_taken_or_their_files_made(
    library: Library, folder: Path
) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = "2011:12:13 14:15:16"  # DateTimeOriginal
    data = encode(drawn_image(1, (60, 80)), "JPEG", exif=exif)
    (folder / "taken.jpg").write_bytes(data)
    made = datetime.fromisoformat("2015-06-07 08:09:10")  # local, as files have it
    os.utime(folder / "0.png", (made.timestamp(), made.timestamp()))
    run(library, folder)
    dates = {
        image.path.name: image.shown_at
        for image in everything(library)
        if image.path is not None
    }
    assert dates["taken.jpg"] == datetime.fromisoformat("2011-12-13 14:15:16")
    assert dates["0.png"] == made


def test_a_copy_is_an_image_of_its_own(library: Library, folder: Path) -> None:
    (folder / "copy.png").write_bytes((folder / "0.png").read_bytes())
    assert counts(run(library, folder)) == {"added": 6}


def test_a_file_that_is_gone_is_marked_and_kept(library: Library, folder: Path) -> None:
    run(library, folder)
    data = (folder / "0.png").read_bytes()
    (folder / "0.png").unlink()
    assert counts(run(library, folder)) == {"missing": 1, "skipped": 4}
    (image_id,) = found_ids(library, data, k=1)
    assert library.components.catalog.get(ImageId(image_id)).missing
    (folder / "0.png").write_bytes(data)
    assert counts(run(library, folder)) == {"skipped": 5}
    assert not library.components.catalog.get(ImageId(image_id)).missing


def test_a_bad_file_is_reported_and_the_others_come_in(
    library: Library, folder: Path
) -> None:
    (folder / "bad.jpg").write_bytes(b"not an image")
    (folder / "cut.png").write_bytes((folder / "0.png").read_bytes()[:3000])
    report = run(library, folder)
    assert counts(report) == {"added": 5, "failed": 2}
    reasons = {failure.path.name: failure.reason for failure in report.failed}
    assert "not an image" in reasons["bad.jpg"]
    assert "ends early" in reasons["cut.png"]


def test_a_file_that_may_not_be_read_is_reported(unprivileged: Path) -> None:
    (path,) = write_images(unprivileged / "photos", 1)
    path.chmod(0)
    with opened_library(unprivileged / "data") as library:
        report = run(library, path)
    assert "Permission denied" in report.failed[0].reason


@pytest.mark.parametrize("mode", [0o000, 0o100, 0o400])
def test_what_can_not_be_looked_at_is_told_and_not_called_missing(
    unprivileged: Path, mode: int
) -> None:
    folder, locked = unprivileged / "photos", unprivileged / "photos" / "locked"
    write_images(folder, 1)
    write_images(locked / "below", 1, first=1)
    write_images(locked, 1, first=2)
    with opened_library(unprivileged / "data", enabled=("phash",)) as library:
        run(library, folder)
        locked.chmod(mode)
        try:
            for root in (folder, locked):
                report = run(library, root)
                assert report.missing == 0
                assert report.unreadable
                for failure in report.unreadable:
                    assert failure.path.is_relative_to(locked)
                    assert failure.reason == "can't be read: Permission denied"
                assert exit_code(report) == 1
                assert f"{locked}" in "\n".join(report_lines(report))
        finally:
            locked.chmod(0o700)
        assert not any(image.missing for image in everything(library))
        report = run(library, folder)
        assert counts(report) == {"skipped": 3}
        assert report.unreadable == []


def test_an_image_in_a_locked_folder_has_not_moved_to_where_its_copy_is(
    unprivileged: Path,
) -> None:
    (path,) = write_images(unprivileged / "locked", 1)
    with opened_library(unprivileged / "data", enabled=("phash",)) as library:
        run(library, path)
        copy = unprivileged / "copy.png"
        copy.write_bytes(path.read_bytes())
        path.parent.chmod(0)
        try:
            assert counts(run(library, copy)) == {"added": 1}
        finally:
            path.parent.chmod(0o700)


def test_a_path_below_a_locked_folder_is_no_misspelling(unprivileged: Path) -> None:
    locked = unprivileged / "locked"
    locked.mkdir(mode=0)
    with pytest.raises(BadParameterError, match="can't be read: Permission denied"):
        absolute([locked / "photos"])


def test_a_disk_that_is_not_mounted_makes_nothing_missing(
    library: Library, folder: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    write_images(other, 1, first=50)
    run(library, folder, other)
    away = folder.rename(tmp_path / "away")
    folder.mkdir()  # as the place is that a disk is mounted at
    report = run(library, folder, other)
    assert counts(report) == {"skipped": 1}
    assert not any(image.missing for image in everything(library))
    (failure,) = report.unreadable
    assert failure.path == folder
    assert "has none of the 5 images that were imported from it" in failure.reason
    assert exit_code(report) == 1
    folder.rmdir()
    away.rename(folder)
    assert counts(run(library, folder)) == {"skipped": 5}


def test_a_folder_all_of_whose_images_moved_is_no_disk_away(
    library: Library, folder: Path, tmp_path: Path
) -> None:
    run(library, folder)
    folder.rename(tmp_path / "new")
    folder.mkdir()
    report = run(library, folder, tmp_path / "new")
    assert counts(report) == {"moved": 5}
    assert report.unreadable == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes there")
def test_a_pipe_is_told_and_not_waited_for(library: Library, folder: Path) -> None:
    os.mkfifo(folder / "pipe.png")
    assert counts(run(library, folder)) == {"added": 5}
    report = run(library, folder / "pipe.png")
    (failure,) = report.unreadable
    assert failure.reason == "can't be read: it is not a regular file"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes there")
def test_a_file_that_becomes_a_pipe_once_it_was_found_fails(
    library: Library, folder: Path
) -> None:
    (path,) = write_images(folder.parent / "late", 1, first=70)
    found = list(walk([path], leave_out=folder))
    path.unlink()
    os.mkfifo(path)
    importer = library.components.importer
    (outcome,) = importer._look_at(found, {}, again=False, wait=True)  # noqa: SLF001 -- too quick else
    assert isinstance(outcome.prepared, OSError)
    assert "not a regular file" in str(outcome.prepared)


def test_a_file_larger_than_the_limit_is_reported(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "big.png").write_bytes(bytes(2 * 2**20))
    with opened_library(tmp_path / "data", limits={"max_file_mib": 1}) as library:
        report = run(library, folder)
    assert "limits.max_file_mib" in report.failed[0].reason


def test_a_deleted_image_stays_away_until_it_is_asked_back(
    library: Library, folder: Path
) -> None:
    run(library, folder)
    (image,) = library.components.catalog.with_sha256(sha256(folder / "0.png"))
    library.components.writer.delete(image.image_id)
    assert (folder / "0.png").exists()
    assert counts(run(library, folder)) == {"deleted": 1, "skipped": 4}
    assert counts(run(library, folder, again=True)) == {"added": 1, "skipped": 4}
    assert counts(run(library, folder)) == {"skipped": 5}


def test_a_stopped_import_goes_on_where_it_was(
    library: Library, tmp_path: Path
) -> None:
    folder = tmp_path / "many"
    write_images(folder, 150)
    stop = threading.Event()

    def stop_soon(progress: Progress) -> None:
        if progress.done >= 70:
            stop.set()

    first = library.components.importer.run([folder], on_progress=stop_soon, stop=stop)
    assert first.stopped
    assert 70 <= first.added < 150
    assert sizes(library) == {first.added}
    second = run(library, folder)
    assert counts(second) == {"added": 150 - first.added, "skipped": first.added}


def test_progress_ends_at_the_total(library: Library, folder: Path) -> None:
    seen: list[tuple[int, int]] = []
    library.components.importer.run(
        [folder], on_progress=lambda p: seen.append((p.done, p.total))
    )
    assert seen[-1] == (5, 5)
    assert seen == sorted(seen)


def test_the_users_folder_is_never_written_to(library: Library, folder: Path) -> None:
    def state() -> dict[str, tuple[bytes, int]]:
        return {
            str(p): (p.read_bytes(), p.stat().st_mtime_ns) for p in folder.iterdir()
        }

    before, touched = state(), folder.stat().st_mtime_ns
    run(library, folder)
    for image in everything(library):
        library.components.writer.delete(image.image_id)
    assert (state(), folder.stat().st_mtime_ns) == (before, touched)


def sha256(path: Path) -> bytes:

    return ImageFile(path.read_bytes()).sha256
