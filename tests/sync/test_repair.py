"""What services missed is made up for, and nothing newer is overwritten by that."""

import errno
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from ambience.catalog import Journal
from ambience.core.errors import BadInputError, BusyError, UnavailableError
from ambience.core.features import ImageId
from ambience.imaging import ImageFile
from ambience.ingest import Arrival
from ambience.sync import Differences, WorkDone
from tests.drawing import drawn_image, encode
from tests.ingest.test_writer import NEW, OLD, SEVEN, FakeSink, House, nothing
from tests.killed import kill

AWAY = UnavailableError("no answer")
MANY = 40  # more than two batches
HASH = {data: ImageFile(data).sha256 for data in (OLD, NEW)}


def compare(house: House, sink: FakeSink) -> Differences:
    return house.comparison.differences(sink)


def note(house: House, sink: FakeSink) -> None:
    house.comparison.note(sink, stop=threading.Event())


def repair(house: House, sink: FakeSink, **how: Any) -> WorkDone:
    return house.repairer.repair([sink], **how)[sink.name]


def put_many(house: House) -> None:
    for seed in range(100, 100 + MANY):
        data = encode(drawn_image(seed, (30, 40)))
        prepared = house.writer.prepare(ImageFile(data))
        arrival = Arrival(ImageId(seed), prepared, upload=data, keep=True)
        house.writer.put([arrival])


def when_put(sink: FakeSink, act: Callable[[], object]) -> None:
    """Let something happen while a service is given its next images."""

    def act_once(_: Mapping[ImageId, object]) -> None:
        sink.before_put = nothing
        act()

    sink.before_put = act_once


def test_a_service_that_is_back_gets_what_it_missed(
    house: House, color: FakeSink
) -> None:
    put_many(house)
    house.put(OLD)
    color.fails = AWAY
    house.put(NEW)
    house.writer.delete(ImageId(100))
    assert repair(house, color) == WorkDone(ended="no answer")
    color.fails = None
    assert repair(house, color) == WorkDone(put=1, removed=1)
    assert house.missed.counts() == {}
    assert house.journal.is_empty()
    assert color.held == house.sinks[0].held
    assert repair(house, color) == WorkDone()


def test_many_are_made_up_for_in_batches(house: House, color: FakeSink) -> None:
    color.fails = AWAY
    put_many(house)
    color.fails = None
    seen: list[int] = []
    made = repair(
        house, color, threads=2, on_progress=lambda progress: seen.append(progress.done)
    )
    assert made == WorkDone(put=MANY)
    assert seen == list(range(1, MANY + 1))
    assert color.held == house.sinks[0].held


def test_a_service_that_goes_away_in_between_gets_the_rest_later(
    house: House, color: FakeSink
) -> None:
    color.fails = AWAY
    put_many(house)
    color.fails = None
    when_put(color, lambda: setattr(color, "fails", AWAY))
    assert repair(house, color).ended == "no answer"
    assert house.journal.is_empty()
    color.fails = None
    assert repair(house, color).put == MANY


def test_no_image_is_stuck_for_want_of_file_descriptors(
    house: House, color: FakeSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    color.fails = AWAY
    house.put(OLD)
    color.fails = None

    def want(_: ImageFile) -> object:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(color, "extract", want)
    made = repair(house, color)
    assert made.stuck == 0
    assert "file descriptors" in made.ended
    monkeypatch.undo()
    assert repair(house, color) == WorkDone(put=1)


def test_it_stops_between_images(house: House, color: FakeSink) -> None:
    color.fails = AWAY
    put_many(house)
    color.fails = None
    stop = threading.Event()
    made = repair(house, color, stop=stop, on_progress=lambda _: stop.set())
    assert 0 < made.put < MANY
    assert house.missed.counts() == {"color": MANY - made.put}


def test_what_changes_meanwhile_is_not_overwritten(
    house: House, color: FakeSink
) -> None:
    color.fails = AWAY
    house.put(OLD)
    color.fails = None

    def replace_once(_: Sequence[ImageFile]) -> None:
        color.before_extract = nothing
        house.put(NEW)

    color.before_extract = replace_once
    assert repair(house, color) == WorkDone()
    assert house.holds(NEW)
    assert house.missed.counts() == {}


def test_what_is_deleted_meanwhile_does_not_come_back(
    house: House, color: FakeSink
) -> None:
    color.fails = AWAY
    house.put(OLD)
    color.fails = None

    def delete(_: Sequence[ImageFile]) -> None:
        color.fails = AWAY
        house.writer.delete(SEVEN)
        color.fails = None

    color.before_extract = delete
    assert repair(house, color) == WorkDone()
    assert color.held == {}
    assert repair(house, color) == WorkDone(removed=1)


def test_a_change_waits_for_the_image_to_be_made_up_for(
    house: House, color: FakeSink
) -> None:
    color.fails = AWAY
    house.put(OLD)
    color.fails = None
    other = threading.Thread(target=house.put, args=(NEW,))
    when_put(color, other.start)
    assert repair(house, color) == WorkDone(put=1)
    other.join()
    assert house.holds(NEW)


def test_another_process_can_not_change_it_meanwhile(
    house: House, color: FakeSink
) -> None:
    color.fails = AWAY
    house.put(OLD)
    color.fails = None
    other = House(house.data)

    def change() -> None:
        with pytest.raises(BusyError):
            other.put(NEW)
        with pytest.raises(BusyError):
            other.writer.note_lone_image("color", ImageId(7))

    when_put(color, change)
    assert repair(house, color) == WorkDone(put=1)
    other.close()
    assert house.holds(OLD)


def test_what_another_process_is_changing_is_left_to_it(
    house: House, color: FakeSink
) -> None:
    color.fails = AWAY
    house.put(OLD)
    color.fails = None
    other = House(house.data)
    assert other.journal.begin_repair({"color": [SEVEN]})[0].ids == [7]
    assert repair(house, color) == WorkDone()
    assert house.missed.counts() == {"color": 1}
    other.close()  # without an end, as a process that is killed
    house.writer.mend()
    assert repair(house, color) == WorkDone(put=1)


def test_a_repair_that_was_killed_is_still_to_be_done(
    house: House, color: FakeSink
) -> None:
    color.fails = AWAY
    house.put(OLD)
    color.fails = None
    killed = Journal(house.database, house.data / "locks")
    killed.begin_repair({"color": [SEVEN]})
    color.put({SEVEN: HASH[OLD]})
    kill(killed)
    house.put(NEW)  # it is in nobody's way
    assert house.holds(NEW)


def test_an_image_without_a_file_stays_listed_and_nothing_stale_is_left(
    house: House, color: FakeSink
) -> None:
    house.put(OLD, keep=False)
    color.fails = AWAY
    house.put(NEW, keep=False)
    color.fails = None
    assert repair(house, color) == WorkDone(stuck=1)
    assert color.held == {}
    (reason,) = house.missed.reasons("color")
    assert reason == "the image was not kept: send it again"
    note(house, color)
    assert repair(house, color) == WorkDone()  # nothing would change
    assert house.put(NEW, keep=False) == {}
    assert house.missed.counts() == {}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "the file is gone"),
        (NEW, "the file has changed: import its folder again"),
    ],
)
def test_a_file_that_can_not_be_used_is_said_and_tried_again_when_it_is_seen(
    house: House, color: FakeSink, tmp_path: Path, content: bytes | None, reason: str
) -> None:
    file = tmp_path / "photo.png"
    prepared = house.writer.prepare(ImageFile(OLD))
    color.fails = AWAY
    house.writer.put([Arrival(SEVEN, prepared, path=file, modified_ns=1)])
    color.fails = None
    if content is not None:
        file.write_bytes(content)
    assert repair(house, color) == WorkDone(stuck=1)
    (failure,) = house.repairer.failures("color")
    assert (failure.path, failure.reason) == (file, reason)
    assert repair(house, color) == WorkDone()
    file.write_bytes(OLD)
    house.catalog.touch(SEVEN, modified_ns=2)
    assert repair(house, color) == WorkDone(put=1)


def test_an_image_that_one_service_refuses_is_said_and_the_others_come_in(
    house: House, color: FakeSink
) -> None:
    house.put(OLD)

    def refuse(extracted: Mapping[ImageId, object]) -> None:
        if SEVEN in extracted:
            raise BadInputError("too large for color")

    color.before_put = refuse
    assert house.put(NEW) == {"color": "too large for color"}
    color.fails = AWAY
    put_many(house)
    color.fails = None
    assert repair(house, color) == WorkDone(put=MANY, stuck=1)
    assert SEVEN not in color.held
    assert list(house.missed.reasons("color")) == ["too large for color"]


# -- comparing -----------------------------------------------------------------------


def test_a_new_service_lacks_everything_and_gets_it(
    house: House, color: FakeSink
) -> None:
    put_many(house)
    color.held.clear()
    assert compare(house, color) == Differences(absent=MANY)
    assert house.missed.counts() == {}  # to compare changes nothing
    note(house, color)
    assert repair(house, color).put == MANY
    assert compare(house, color) == Differences()


def test_a_service_that_was_put_back_to_an_old_state_forgets_what_was_deleted(
    house: House, color: FakeSink
) -> None:
    put_many(house)
    before = dict(color.held)
    house.writer.delete(ImageId(105))
    house.put(OLD)
    color.held = before
    assert compare(house, color) == Differences(absent=1, left_over=1)
    note(house, color)
    assert repair(house, color) == WorkDone(put=1, removed=1)
    assert color.held == house.sinks[0].held


def test_what_was_put_to_one_service_alone_is_never_removed(
    house: House, color: FakeSink
) -> None:
    house.put(OLD)
    house.writer.delete(SEVEN)
    for image_id in (SEVEN, ImageId(8)):  # an id that was deleted, and another
        house.writer.note_lone_image("color", image_id)
        color.put({image_id: b"alone"})
    assert compare(house, color) == Differences()
    note(house, color)
    assert repair(house, color) == WorkDone()
    assert set(color.held) == {SEVEN, 8}


def test_what_is_known_to_be_outdated_is_counted_once(
    house: House, color: FakeSink
) -> None:
    put_many(house)
    house.put(OLD)
    color.fails = AWAY
    house.put(NEW)
    house.writer.delete(ImageId(100))
    color.fails = None
    del color.held[ImageId(110)]
    color.held.pop(ImageId(111))
    note(house, color)
    assert compare(house, color) == Differences(absent=2, outdated=1, left_over=1)


def test_a_service_that_is_away_can_not_be_compared(
    house: House, color: FakeSink
) -> None:
    house.put(OLD)
    color.fails = AWAY
    with pytest.raises(UnavailableError):
        compare(house, color)


def test_a_comparison_that_is_stopped_finds_nothing_that_is_not_so(
    house: House, color: FakeSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ambience.sync.comparison._PAGE", 10)
    put_many(house)
    stop = threading.Event()
    color.before_ids = stop.set
    house.comparison.note(color, stop=stop)
    assert house.missed.counts() == {}


def test_pages_follow_each_other_to_the_end(
    house: House, color: FakeSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ambience.sync.comparison._PAGE", 7)
    put_many(house)
    for image_id in [i for i in color.held if i % 3]:
        del color.held[image_id]
    color.put({ImageId(i): b"alone" for i in range(0, 300, 2) if i not in color.held})
    lost = {i for i in house.catalog.ids() if i not in color.held}
    alone = sorted(set(color.held) - set(house.catalog.ids()))
    assert compare(house, color) == Differences(
        absent=len(lost), unknown=len(alone), first_unknown=alone[0]
    )
    assert house.comparison.unknown(color) == alone
    for image_id in alone:
        house.catalog.note_lone_image(image_id, service="color")
    assert compare(house, color) == Differences(absent=len(lost))
