"""A change is made everywhere or nowhere, and what was cut short is mended."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from ambience.catalog import (
    Catalog,
    Journal,
    JournalEntry,
    LoneImages,
    Missed,
    Operation,
)
from ambience.catalog.database import Database
from ambience.core.errors import (
    BusyError,
    NotFoundError,
    StoredDataError,
    UnavailableError,
)
from ambience.core.features import ImageId
from ambience.imaging import ImageFile, Limits
from ambience.ingest import Arrival, Originals, Writer
from ambience.service.capabilities import HoldsImages
from ambience.sync import Backlog, Comparison, Repairer
from tests.abilities import FakeService
from tests.drawing import drawn_image, encode
from tests.killed import kill

SEVEN = ImageId(7)
OLD, NEW = (encode(drawn_image(seed, (60, 80))) for seed in (1, 2))


def nothing(_: object = None) -> None:
    """Stand for what a service does besides."""


class FakeSink(FakeService):
    """A service that keeps hashes in memory, and fails when told to.

    What is set as ``before_extract``, ``before_put`` or ``before_ids`` is called first,
    and may raise what the service then raises.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name, HoldsImages)
        self.working_side: int | None = None
        self.held: dict[ImageId, object] = {}
        self.fails: Exception | None = None
        self.store_id, self.seq = name, 0
        self.looks = 0  # how often its status was asked for
        self.before_extract: Callable[[Sequence[ImageFile]], object] = nothing
        self.before_put: Callable[[Mapping[ImageId, object]], object] = nothing
        self.before_ids: Callable[[], object] = nothing

    def extract(self, images: Sequence[ImageFile]) -> list[bytes]:
        self.before_extract(images)
        return [image.sha256 for image in images]

    def put(self, extracted: Mapping[ImageId, object]) -> None:
        self.before_put(extracted)
        self._answer()
        self.held.update(extracted)

    def remove(self, ids: Sequence[ImageId]) -> list[ImageId]:
        if type(self.fails) is not StoredDataError:  # a full disk lets go
            self._answer()
        return [i for i in ids if self.held.pop(i, None) is not None]

    def ids(self, *, after: ImageId | None = None, limit: int) -> list[ImageId]:
        self.before_ids()
        self._answer()
        return sorted(i for i in self.held if after is None or i > after)[:limit]

    def status(self) -> Mapping[str, Any]:
        self.looks += 1
        if self.fails is not None:
            return {"available": False, "reason": str(self.fails)}
        return {"available": True, "store": {"id": self.store_id, "seq": self.seq}}

    def _answer(self) -> None:
        if self.fails is not None:
            raise self.fails
        self.seq += 1


class House:
    """A writer with two fake services over a real catalog and real files."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.sinks = [FakeSink("phash"), FakeSink("color")]
        self.open()

    def open(self) -> None:
        self.database = Database(self.data / "catalog.sqlite3")
        self.journal = Journal(self.database, self.data / "locks")
        self.catalog = Catalog(self.database)
        self.missed = Missed(self.database)
        self.originals = Originals(self.data)
        self.writer = Writer(
            catalog=self.catalog,
            journal=self.journal,
            originals=self.originals,
            services=self.sinks,
            limits=Limits(),
        )
        self.comparison = Comparison(
            self.catalog, self.missed, LoneImages(self.database)
        )
        self.repairer = Repairer(
            catalog=self.catalog,
            missed=self.missed,
            journal=self.journal,
            originals=self.originals,
            image_locks=self.writer.image_locks,
            limits=Limits(),
        )
        self.backlog = Backlog(self.sinks, self.missed, self.repairer, threads=1)

    def close(self) -> None:
        self.writer.close()
        self.journal.close()
        self.database.close()

    def restart(self) -> None:
        """End as a killed process does, start again and mend."""
        self.close()
        self.open()
        self.writer.recover()

    def put(self, data: bytes, *, keep: bool = True) -> dict[str, str]:
        prepared = self.writer.prepare(ImageFile(data))
        return self.writer.put([Arrival(SEVEN, prepared, upload=data, keep=keep)])

    def holds(self, data: bytes | None) -> bool:
        """Whether everything agrees that the image is this one, or not there."""
        expected = {} if data is None else {SEVEN: ImageFile(data).sha256}
        records = {r.image_id: r.sha256 for r in self.catalog.find([SEVEN])}
        return all(found == expected for found in self.everywhere(records))

    def everywhere(
        self, records: dict[ImageId, bytes]
    ) -> list[Mapping[ImageId, object]]:
        return [records, *(sink.held for sink in self.sinks)]

    def files(self, folder: str) -> list[bytes]:
        return [p.read_bytes() for p in (self.data / folder).rglob("*") if p.is_file()]


def test_an_upload_is_kept_and_a_deleted_one_is_in_the_trash(house: House) -> None:
    house.put(OLD)
    assert house.holds(OLD)
    assert house.files("originals") == [OLD]
    house.writer.delete(SEVEN)
    assert house.holds(None)
    assert (house.files("originals"), house.files("trash")) == ([], [OLD])
    assert house.files("thumbnails") == []


def test_a_replaced_upload_is_in_the_trash(house: House) -> None:
    house.put(OLD)
    house.put(NEW)
    assert house.holds(NEW)
    assert (house.files("originals"), house.files("trash")) == ([NEW], [OLD])
    assert len(house.files("thumbnails")) == 1
    assert house.files("staging") == []


def test_features_only_keeps_no_file(house: House) -> None:
    house.put(OLD, keep=False)
    house.put(NEW, keep=False)
    assert house.holds(NEW)
    assert [house.files(f) for f in ("originals", "trash", "staging")] == [[], [], []]


def test_deleting_what_is_not_there_is_an_error(house: House) -> None:
    with pytest.raises(NotFoundError, match="no image 7"):
        house.writer.delete(SEVEN)
    assert house.journal.is_empty()


def test_a_service_that_is_away_is_named_and_the_rest_is_done(house: House) -> None:
    house.sinks[1].fails = UnavailableError("no disk")
    assert house.put(OLD) == {"color": "no disk; it catches up when it answers again"}
    assert house.sinks[0].held
    assert house.catalog.get(SEVEN).format == "png"


def test_a_failure_undoes_a_new_image(house: House) -> None:
    house.sinks[1].fails = StoredDataError("disk full")
    with pytest.raises(StoredDataError, match="disk full"):
        house.put(OLD)
    assert house.holds(None)
    assert house.files("originals") == house.files("staging") == []
    assert house.journal.is_empty()
    house.sinks[1].fails = None
    house.put(OLD)
    assert house.holds(OLD)


def test_a_failed_replacement_is_finished_later(house: House) -> None:
    house.put(OLD)
    house.sinks[1].fails = StoredDataError("disk full")
    with pytest.raises(StoredDataError, match="disk full"):
        house.put(NEW)
    house.sinks[1].fails = None
    house.restart()
    assert house.holds(NEW)
    assert (house.files("originals"), house.files("staging")) == ([NEW], [])


def test_a_failed_replacement_does_not_stand_in_the_way_of_another(
    house: House,
) -> None:
    house.put(OLD)
    house.sinks[0].fails = StoredDataError("disk full")
    with pytest.raises(StoredDataError):
        house.put(NEW)
    house.sinks[0].fails = None
    house.put(OLD)
    assert house.holds(OLD)


def test_a_new_image_whose_bytes_were_kept_already_is_finished(house: House) -> None:
    """It may have been acknowledged, by a catalog that has lost the end of its log."""
    source = house.originals.stage(SEVEN, NEW)
    house.journal.begin([JournalEntry(SEVEN, Operation.PUT, source, keep=True)])
    house.originals.keep(SEVEN, source, suffix="png")
    house.restart()
    assert house.holds(NEW)
    assert house.files("originals") == [NEW]


@pytest.mark.parametrize("written_to", [0, 1, 2])
def test_a_new_image_cut_short_is_undone(house: House, written_to: int) -> None:
    source = house.originals.stage(SEVEN, NEW)
    house.journal.begin([JournalEntry(SEVEN, Operation.PUT, source, keep=True)])
    for sink in house.sinks[:written_to]:
        sink.put({SEVEN: ImageFile(NEW).sha256})
    house.restart()
    assert house.holds(None)
    assert house.files("originals") == house.files("staging") == []


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("written_to", [0, 1, 2])
def test_a_replacement_cut_short_is_finished(
    house: House, written_to: int, *, keep: bool
) -> None:
    house.put(OLD)
    source = house.originals.stage(SEVEN, NEW)
    house.journal.begin([JournalEntry(SEVEN, Operation.PUT, source, keep=keep)])
    for sink in house.sinks[:written_to]:
        sink.put({SEVEN: ImageFile(NEW).sha256})
    house.restart()
    assert house.holds(NEW)
    assert house.files("originals") == ([NEW] if keep else [])
    assert house.files("staging") == []


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("discarded", [True, False])
def test_a_replacement_cut_short_after_its_file_was_kept_is_finished(
    house: House, *, keep: bool, discarded: bool
) -> None:
    house.put(OLD, keep=keep)
    source = house.originals.stage(SEVEN, NEW)
    house.journal.begin([JournalEntry(SEVEN, Operation.PUT, source, keep=True)])
    for sink in house.sinks:
        sink.put({SEVEN: ImageFile(NEW).sha256})
    house.originals.keep(SEVEN, source, suffix="png")
    if keep and discarded:
        house.originals.discard(str(house.catalog.get(SEVEN).original))
    house.restart()
    assert house.holds(NEW)
    assert (house.files("originals"), house.files("staging")) == ([NEW], [])
    assert house.files("trash") == ([OLD] if keep else [])


def test_a_changed_file_cut_short_is_read_again(house: House, tmp_path: Path) -> None:
    file = tmp_path / "photo.png"
    file.write_bytes(OLD)
    prepared = house.writer.prepare(ImageFile(OLD))
    house.writer.put([Arrival(SEVEN, prepared, path=file, modified_ns=1)])
    file.write_bytes(NEW)
    house.journal.begin([JournalEntry(SEVEN, Operation.PUT)])
    house.sinks[0].put({SEVEN: ImageFile(NEW).sha256})
    house.restart()
    assert house.holds(NEW)
    assert house.catalog.get(SEVEN).path == file


@pytest.mark.parametrize("junk", [None, b"no image any more"])
def test_an_image_whose_file_can_not_be_read_now_is_kept(
    house: House, tmp_path: Path, junk: bytes | None
) -> None:
    file = tmp_path / "photo.png"
    file.write_bytes(OLD)
    prepared = house.writer.prepare(ImageFile(OLD))
    house.writer.put([Arrival(SEVEN, prepared, path=file, modified_ns=1)])
    house.journal.begin([JournalEntry(SEVEN, Operation.PUT)])
    if junk is None:
        file.unlink()
    else:
        file.write_bytes(junk)
    house.restart()
    assert house.journal.is_empty()
    image = house.catalog.get(SEVEN)
    assert (image.path, image.missing) == (file, junk is None)
    assert image.modified_ns is None  # the next import looks at it again
    assert all(SEVEN in sink.held for sink in house.sinks)


def test_a_damaged_copy_of_ours_is_not_taken_for_the_image(house: House) -> None:
    house.put(OLD)
    house.journal.begin([JournalEntry(SEVEN, Operation.PUT)])
    (path,) = (house.data / "originals").rglob("*.png")
    path.write_bytes(NEW)  # whole, and another image
    house.restart()
    assert house.catalog.get(SEVEN).sha256 == ImageFile(OLD).sha256
    assert house.missed.counts() == {"phash": 1, "color": 1}


def test_what_a_killed_process_left_is_mended_when_it_is_in_the_way(
    house: House,
) -> None:
    house.put(OLD)
    killed = Journal(house.database, house.data / "locks")
    killed.begin([JournalEntry(SEVEN, Operation.DELETE)])
    kill(killed)
    house.put(NEW)
    assert house.holds(NEW)
    assert house.journal.is_empty()


def test_a_key_that_was_given_away_is_not_used_for_a_new_image(house: House) -> None:
    house.put(OLD)
    prepared = house.writer.prepare(ImageFile(NEW))
    with pytest.raises(BusyError):
        house.writer.put([Arrival(SEVEN, prepared, upload=NEW, keep=True, is_new=True)])
    assert house.holds(OLD)
    assert house.files("staging") == []


def test_a_file_with_a_date_that_no_calendar_holds_comes_in(
    house: House, tmp_path: Path
) -> None:
    prepared = house.writer.prepare(ImageFile(OLD))
    house.writer.put(
        [Arrival(SEVEN, prepared, path=tmp_path / "a.png", modified_ns=2**63 - 1)]
    )
    assert house.catalog.get(SEVEN).modified_ns == 2**63 - 1


@pytest.mark.parametrize("removed_from", [0, 1, 2])
def test_a_delete_cut_short_is_finished(house: House, removed_from: int) -> None:
    house.put(OLD)
    house.journal.begin([JournalEntry(SEVEN, Operation.DELETE)])
    for sink in house.sinks[:removed_from]:
        sink.remove([SEVEN])
    if removed_from == 2:
        house.originals.discard(str(house.catalog.get(SEVEN).original))
    house.restart()
    assert house.holds(None)
    assert (house.files("originals"), house.files("trash")) == ([], [OLD])


def test_staged_bytes_that_nothing_needs_are_dropped(house: House) -> None:
    house.originals.stage(SEVEN, OLD)
    house.restart()
    assert house.files("staging") == []


def test_they_are_dropped_beside_changes_that_are_mended(house: House) -> None:
    house.originals.stage(SEVEN, OLD)
    house.journal.begin([JournalEntry(SEVEN, Operation.PUT)])
    house.restart()
    assert house.files("staging") == []


def test_what_another_process_has_staged_is_left_alone(house: House) -> None:
    house.originals.stage(SEVEN, OLD)
    other = House(house.data)
    other.writer.recover()
    assert house.files("staging") == [OLD]
    other.close()


def test_lock_files_of_dead_processes_are_removed(house: House) -> None:
    lock = house.data / "locks" / "0123.lock"
    lock.touch()
    house.writer.recover()
    assert not lock.exists()
    assert house.journal.is_alone()
