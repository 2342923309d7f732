"""What a service missed while it was away is remembered with the change itself."""

from pathlib import Path

import pytest

from ambience.catalog import JournalEntry, Operation
from ambience.core.errors import (
    AmbienceError,
    BusyError,
    CorruptDataError,
    NotFoundError,
    StoredDataError,
    TooLargeError,
    UnavailableError,
)
from ambience.imaging import ImageFile
from ambience.ingest import Arrival
from tests.ingest.test_writer import NEW, OLD, SEVEN, FakeSink, House

AWAY = UnavailableError("no answer")


def missed(house: House) -> dict[str, dict[int, str]]:
    """Return the images that each service missed, with the reason."""
    return {
        name: {e.image_id: e.reason for e in house.missed.of(name, limit=100)}
        for name in house.missed.counts()
    }


def test_a_service_that_is_there_has_missed_nothing(house: House) -> None:
    assert house.put(OLD) == house.put(NEW) == {}
    house.writer.delete(SEVEN)
    assert missed(house) == {}


@pytest.mark.parametrize(
    "error",
    [AWAY, BusyError("busy"), CorruptDataError("damaged"), TooLargeError("big")],
)
def test_a_put_that_a_service_could_not_take_is_remembered(
    house: House, color: FakeSink, error: AmbienceError
) -> None:
    color.fails = error
    said = house.put(OLD)
    assert list(said) == ["color"]
    assert said["color"].startswith(str(error))
    assert missed(house) == {"color": {SEVEN: str(error)}}
    assert house.journal.is_empty()


def test_a_full_disk_still_refuses_the_whole_change(
    house: House, color: FakeSink
) -> None:
    color.fails = StoredDataError("disk full")
    with pytest.raises(StoredDataError):
        house.put(OLD)
    assert house.holds(None)
    assert missed(house) == {}
    assert house.journal.is_empty()


@pytest.mark.parametrize(("keep", "words"), [(True, "catches up"), (False, "send it")])
def test_the_answer_says_what_becomes_of_it(
    house: House, color: FakeSink, words: str, *, keep: bool
) -> None:
    color.fails = AWAY
    assert words in house.put(OLD, keep=keep)["color"]


def test_a_put_that_is_repeated_reaches_it(house: House, color: FakeSink) -> None:
    color.fails = AWAY
    house.put(OLD)
    color.fails = None
    assert house.put(OLD) == {}
    assert house.holds(OLD)
    assert missed(house) == {}


def test_a_delete_that_a_service_missed_is_remembered(
    house: House, color: FakeSink
) -> None:
    house.put(OLD)
    color.fails = AWAY
    house.writer.delete(SEVEN)
    assert missed(house) == {"color": {SEVEN: "no answer"}}
    with pytest.raises(NotFoundError, match="color can't say, and will be told later"):
        house.writer.delete(SEVEN)


def test_so_is_one_of_an_image_that_no_record_knows(
    house: House, color: FakeSink
) -> None:
    color.put({SEVEN: b"put to it alone"})
    color.fails = AWAY
    with pytest.raises(NotFoundError, match="no image 7"):
        house.writer.delete(SEVEN)
    assert missed(house) == {"color": {SEVEN: "no answer"}}


def test_a_change_is_undone_although_a_service_is_away(
    house: House, color: FakeSink
) -> None:
    house.journal.begin([JournalEntry(SEVEN, Operation.PUT)])
    for sink in house.sinks:
        sink.put({SEVEN: b"half done"})
    color.fails = AWAY
    house.restart()
    assert house.journal.is_empty()
    assert house.sinks[0].held == {}
    assert missed(house) == {"color": {SEVEN: "no answer"}}


def test_a_replacement_is_finished_although_a_service_is_away(
    house: House, color: FakeSink
) -> None:
    house.put(OLD)
    source = house.originals.stage(SEVEN, NEW)
    house.journal.begin([JournalEntry(SEVEN, Operation.PUT, source, keep=True)])
    color.fails = AWAY
    house.restart()
    assert house.journal.is_empty()
    assert house.sinks[0].held == {SEVEN: ImageFile(NEW).sha256}
    assert missed(house) == {"color": {SEVEN: "no answer"}}


@pytest.mark.parametrize("readable", [True, False])
def test_a_changed_file_cut_short_is_remembered_where_it_may_be_half_known(
    house: House, color: FakeSink, tmp_path: Path, *, readable: bool
) -> None:
    file = tmp_path / "photo.png"
    file.write_bytes(OLD)
    prepared = house.writer.prepare(ImageFile(OLD))
    house.writer.put([Arrival(SEVEN, prepared, path=file, modified_ns=1)])
    house.journal.begin([JournalEntry(SEVEN, Operation.PUT)])
    house.sinks[0].put({SEVEN: ImageFile(NEW).sha256})
    color.fails = AWAY
    if not readable:
        file.unlink()
    house.restart()
    assert house.journal.is_empty()
    assert set(missed(house)) == ({"color"} if readable else {"color", "phash"})


def test_what_could_not_be_ended_is_tried_again_without_a_restart(
    house: House, color: FakeSink
) -> None:
    house.put(OLD)
    color.fails = StoredDataError("disk full")
    with pytest.raises(StoredDataError):
        house.put(NEW)
    house.writer.mend()
    assert not house.journal.is_empty()
    color.fails = None
    house.writer.mend()
    assert house.holds(NEW)
    assert house.journal.is_empty()


def test_an_id_put_to_one_service_alone_is_no_longer_to_be_removed_there(
    house: House,
) -> None:
    for sink in house.sinks:
        sink.fails = AWAY
    house.put(OLD)
    house.writer.delete(SEVEN)
    house.writer.note_lone_image("color", SEVEN)
    assert list(missed(house)) == ["phash"]
    house.writer.note_lone_image("color", SEVEN)
    house.put(OLD)
    house.writer.note_lone_image(
        "color", SEVEN
    )  # the image's own features are still missed
    assert list(missed(house)) == ["color", "phash"]
