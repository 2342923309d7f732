"""What is only being changed is never said to be lost, absent or unknown."""

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ambience.catalog import ImageRecord, JournalEntry, LoneImages, Operation
from ambience.core.features import ImageId
from ambience.imaging import ImageFile, Limits
from ambience.ingest import Arrival, FileCheck, FileReport, Originals
from ambience.sync import Strays
from tests.ingest.test_writer import NEW, OLD, SEVEN, House
from tests.library import opened_library, write_images

ROUNDS = 60
WAIT_S = 180


class Meanwhile(Originals):
    """Files of which something happens just before one is looked for."""

    def __init__(self, data: Path, act: Callable[[], object]) -> None:
        super().__init__(data)
        self._act: Callable[[], object] | None = act

    def file_of(self, image: ImageRecord) -> Path | None:
        act, self._act = self._act, None
        if act is not None:
            act()
        return super().file_of(image)


def looked_at(house: House, originals: Originals | None = None) -> FileReport:
    check = FileCheck(house.catalog, originals or house.originals, limits=Limits())
    return check.run(repair=False, read={SEVEN})


def put(house: House, data: bytes, image_id: int = SEVEN) -> None:
    prepared = house.writer.prepare(ImageFile(data))
    arrival = Arrival(ImageId(image_id), prepared, upload=data, keep=True)
    house.writer.put([arrival])


def test_an_image_replaced_between_two_looks_is_not_lost(house: House) -> None:
    put(house, OLD)
    report = looked_at(house, Meanwhile(house.data, lambda: put(house, NEW)))
    assert report == FileReport(images=1, read=1)


def test_an_image_deleted_between_two_looks_is_not_lost(house: House) -> None:
    put(house, OLD)
    deleted = Meanwhile(house.data, lambda: house.writer.delete(SEVEN))
    assert looked_at(house, deleted) == FileReport()


def test_what_somebody_is_at_work_on_is_not_lost(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ambience.ingest.file_check._PAUSE_S", 0)
    put(house, OLD)
    begun = house.journal.begin([JournalEntry(SEVEN, Operation.PUT)])
    (record,) = house.catalog.find([SEVEN])
    assert record.original is not None
    house.originals.discard(record.original)
    assert looked_at(house) == FileReport(images=1, busy=1)
    house.journal.abandon(begun)
    report = looked_at(house)
    assert (report.lost, report.first_lost, report.in_trash) == (1, SEVEN, 1)


def test_a_file_that_nobody_lets_us_look_at_is_not_called_missing(
    unprivileged: Path,
) -> None:
    folder = unprivileged / "photos"
    write_images(folder, 2)
    with opened_library(unprivileged / "data", enabled=("phash",)) as library:
        library.add_folder(folder)
        check = FileCheck(
            library.components.catalog, library.components.originals, limits=Limits()
        )
        folder.chmod(0)
        try:
            report = check.run(repair=True)
        finally:
            folder.chmod(0o700)
        assert (report.missing, report.unmarked, report.unreadable) == (0, 0, 2)
        assert report.wrong == 2
        assert check.run(repair=True) == FileReport(images=2)


def test_a_link_to_nothing_is_missing(tmp_path: Path) -> None:
    (path,) = write_images(tmp_path / "elsewhere", 1)
    link = tmp_path / "photos" / "link.png"
    link.parent.mkdir()
    link.symlink_to(path)
    with opened_library(tmp_path / "data", enabled=("phash",)) as library:
        library.add_folder(link.parent)
        path.unlink()
        check = FileCheck(
            library.components.catalog, library.components.originals, limits=Limits()
        )
        assert check.run(repair=False).missing == 1


def test_a_file_that_moved_meanwhile_is_not_marked_as_missing(house: House) -> None:
    put(house, OLD)
    (record,) = house.catalog.find([SEVEN])
    here, there = house.data / "a.png", house.data / "b.png"
    house.catalog.put([replace(record, path=here, original=None)])
    (seen,) = house.catalog.find([SEVEN])
    there.write_bytes(OLD)
    house.catalog.move(SEVEN, there, modified_ns=there.stat().st_mtime_ns)
    house.catalog.mark_file(seen, missing=True)
    assert not house.catalog.get(SEVEN).missing
    house.catalog.mark_file(house.catalog.get(SEVEN), missing=True)
    assert house.catalog.get(SEVEN).missing


def test_nothing_is_wrong_while_images_are_replaced_all_the_time(house: House) -> None:
    stop, errors = threading.Event(), []
    put(house, OLD)

    def change() -> None:
        try:
            while not stop.is_set():
                put(house, NEW)
                house.writer.delete(SEVEN)
                put(house, OLD)
        except BaseException as error:  # noqa: BLE001 -- shown below
            errors.append(error)

    busy = threading.Thread(target=change)
    busy.start()
    strays = Strays(house.writer, LoneImages(house.database), house.journal)
    try:
        for _ in range(ROUNDS):
            assert looked_at(house).wrong == 0
            found_strays = strays.run(repair=False)
            assert (found_strays.originals, found_strays.thumbnails) == (0, 0)
            for sink in house.sinks:
                found = house.comparison.differences(sink)
                assert (found.absent, found.unknown) == (0, 0)
    finally:
        stop.set()
        busy.join(WAIT_S)
    assert errors == []


def test_an_upload_under_way_is_not_adopted(house: House) -> None:
    source = house.originals.stage(SEVEN, NEW)
    begun = house.journal.begin([JournalEntry(SEVEN, Operation.PUT, source, keep=True)])
    original = house.originals.keep(SEVEN, source, suffix="png")
    strays = Strays(house.writer, LoneImages(house.database), house.journal)
    report = strays.run(repair=True)
    assert (report.originals, report.staging) == (0, 0)
    house.journal.abandon(begun)
    report = strays.run(repair=True)
    assert (report.originals, report.first, report.adopted) == (1, original, 1)
    assert house.holds(NEW)
    assert house.files("originals") == [NEW]
