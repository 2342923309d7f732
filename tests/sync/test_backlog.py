"""Slow work is put off without being lost, done once, and in nobody's way."""

import threading
from collections.abc import Mapping, Sequence

import pytest

from ambience.catalog import Tally
from ambience.core.errors import BadParameterError, UnavailableError
from ambience.core.features import ImageId
from ambience.imaging import ImageFile
from ambience.ingest import Arrival, Progress, Report
from ambience.service.backlog_state import BacklogState
from ambience.sync import Differences, WorkDone
from ambience.sync.recent_rate import RecentRate
from tests.abilities import GUARD_S
from tests.drawing import drawn_image, encode
from tests.ingest.test_writer import NEW, OLD, SEVEN, FakeSink, House, nothing
from tests.sync.test_catch_up import kept_in_step, wait_until

MANY = [ImageId(i) for i in range(100, 140)]
CONTENT = {i: encode(drawn_image(i, (30, 40))) for i in MANY}
SHORT_S = 0.5  # a limit that is meant to pass where nobody answers


def put_off(house: House, *contents: bytes, first: ImageId = SEVEN) -> None:
    images = [house.writer.read(data, wait=False) for data in contents]
    prepared = [house.writer.prepare(image, wait=False) for image in images]
    arrivals = [
        Arrival(ImageId(first + number), one, upload=image.data, keep=True)
        for number, (one, image) in enumerate(zip(prepared, images, strict=True))
    ]
    assert house.writer.put(arrivals) == {}


def put_off_many(house: House) -> None:
    put_off(house, *CONTENT.values(), first=MANY[0])


def finished(house: House, **how: object) -> dict[str, WorkDone]:
    return house.backlog.finish(stop=threading.Event(), **how)  # type: ignore[arg-type]


def state(house: House) -> BacklogState:
    return house.backlog.states()["color"]


def test_an_image_is_with_the_quick_at_once_and_with_the_slow_later(
    house: House, slow: FakeSink
) -> None:
    put_off(house, OLD)
    assert house.catalog.get(SEVEN).sha256 == ImageFile(OLD).sha256
    assert house.sinks[0].held == {SEVEN: ImageFile(OLD).sha256}
    assert slow.held == {}
    assert house.missed.tallies() == {"color": Tally(total=1, put_off=1)}
    assert house.missed.services_of([SEVEN]) == {SEVEN: ["color"]}
    assert finished(house) == {"color": WorkDone(put=1)}
    assert house.holds(OLD)
    assert house.missed.tallies() == {}
    assert house.missed.services_of([SEVEN]) == {}
    assert house.journal.is_empty()


def test_who_waits_gets_everything_at_once(house: House, slow: FakeSink) -> None:
    assert slow.is_slow
    house.put(OLD)
    assert house.holds(OLD)
    assert house.missed.tallies() == {}


def test_what_was_put_off_is_done_after_a_kill(house: House, slow: FakeSink) -> None:
    put_off(house, OLD)
    house.restart()
    assert slow.held == {}
    finished(house)
    assert house.holds(OLD)


def test_a_slow_service_finds_nothing_rather_than_what_was_replaced(
    house: House, slow: FakeSink
) -> None:
    house.put(OLD)
    put_off(house, NEW)
    assert slow.held == {}
    finished(house)
    assert house.holds(NEW)


def test_one_that_can_not_forget_what_was_replaced_has_missed_it(
    house: House, slow: FakeSink
) -> None:
    house.put(OLD)
    slow.fails = UnavailableError("no answer")
    image = house.writer.prepare(ImageFile(NEW), wait=False)
    arrival = Arrival(SEVEN, image, upload=NEW, keep=True)
    assert list(house.writer.put([arrival])) == ["color"]
    assert house.missed.tallies() == {"color": Tally(total=1)}
    slow.fails = None
    finished(house)
    assert house.holds(NEW)


def test_nothing_is_put_off_that_could_not_be_read_later(
    house: House, slow: FakeSink
) -> None:
    prepared = house.writer.prepare(ImageFile(OLD), wait=False)
    assert prepared.put_off == {slow.name}
    with pytest.raises(BadParameterError, match="leave out wait=false"):
        house.writer.put([Arrival(SEVEN, prepared, upload=OLD)])
    assert house.holds(None)
    assert house.files("staging") == []


@pytest.mark.parametrize("when", ["while it waits", "while it is worked on"])
@pytest.mark.parametrize("what", ["replaced", "deleted"])
def test_what_changes_meanwhile_is_as_it_is_then(
    house: House, slow: FakeSink, when: str, what: str
) -> None:
    put_off(house, OLD)

    def change() -> None:
        if what == "replaced":
            put_off(house, NEW)
        else:
            house.writer.delete(SEVEN)

    def change_once(_: Sequence[ImageFile]) -> None:
        slow.before_extract = nothing
        change()

    if when == "while it waits":
        change()
    else:
        slow.before_extract = change_once
    finished(house)
    assert house.holds(NEW if what == "replaced" else None)
    assert house.missed.tallies() == {}


def test_a_service_that_is_down_gets_what_was_put_off_when_it_is_back(
    house: House, slow: FakeSink
) -> None:
    put_off(house, OLD)
    slow.fails = UnavailableError("no answer")
    assert finished(house) == {}  # it is not even tried
    assert state(house).waiting == 1
    slow.fails = None
    assert finished(house) == {"color": WorkDone(put=1)}


def test_waiting_is_no_damage(house: House, slow: FakeSink) -> None:
    put_off_many(house)
    house.missed.note_absent("color", MANY, "the service did not have it")
    assert house.comparison.differences(slow) == Differences()
    assert house.missed.reasons("color") == {}
    assert state(house) == BacklogState(waiting=len(MANY))


def test_each_image_is_read_once_for_all_that_lack_it(house: House) -> None:
    for sink in house.sinks:
        sink.is_slow = True
    seen: dict[str, list[ImageFile]] = {}
    for sink in house.sinks:
        sink.before_extract = seen.setdefault(sink.name, []).extend
    put_off_many(house)
    assert not any(seen.values())
    finished(house)
    (one, other) = seen.values()
    assert len(one) == len(MANY)
    assert {id(image) for image in one} == {id(image) for image in other}


def test_progress_counts_every_image_of_every_service(
    house: House, slow: FakeSink
) -> None:
    house.sinks[0].is_slow = slow.is_slow = True
    put_off_many(house)
    seen: list[Progress] = []
    finished(house, on_progress=seen.append)
    total = 2 * len(MANY)
    assert [one.done for one in seen] == list(range(total + 1))
    assert {one.total for one in seen} == {total}


def test_it_stops_and_the_rest_waits(house: House, slow: FakeSink) -> None:
    put_off_many(house)
    stop = threading.Event()

    def soon(progress: Progress) -> None:
        if progress.done:
            stop.set()

    made = house.backlog.finish(stop=stop, on_progress=soon)["color"]
    assert 0 < made.put < len(MANY)
    report = Report()
    house.backlog.note(report)
    assert report.waiting == {"color": len(MANY) - made.put}
    finished(house)
    assert len(slow.held) == len(MANY)


def test_what_waits_is_worked_off_in_the_background_without_a_word(
    house: House, slow: FakeSink, caplog: pytest.LogCaptureFixture
) -> None:
    with kept_in_step(house):
        put_off_many(house)
        wait_until(lambda: not house.missed.tallies())
    assert len(slow.held) == len(MANY)
    assert caplog.messages == []


# -- what is in the way --------------------------------------------------------------


def test_an_image_whose_file_is_gone_is_stuck_with_its_reason(
    house: House, slow: FakeSink
) -> None:
    put_off(house, OLD)
    (file,) = (house.data / "originals").rglob("*.png")
    file.unlink()
    assert finished(house) == {"color": WorkDone(stuck=1)}
    why = (("the file is gone", 1, SEVEN),)
    assert state(house) == BacklogState(missed=1, stuck=1, reasons=why)
    assert house.missed.services_of([SEVEN]) == {}
    seq = slow.seq
    assert finished(house) == {}  # it is not tried again and again
    assert slow.seq == seq


def test_an_image_on_which_a_service_fails_is_stuck_and_the_others_come_in(
    house: House, slow: FakeSink, caplog: pytest.LogCaptureFixture
) -> None:
    put_off_many(house)
    bad = ImageFile(CONTENT[MANY[5]]).sha256

    def fail(images: Sequence[ImageFile]) -> None:
        if bad in [image.sha256 for image in images]:
            raise ZeroDivisionError("no edges")

    slow.before_extract = fail
    assert finished(house) == {"color": WorkDone(put=len(MANY) - 1, stuck=1)}
    (why,) = state(house).reasons
    assert why == ("color failed on it: ZeroDivisionError('no edges')", 1, MANY[5])
    assert caplog.messages == [f"color failed on image {MANY[5]}"]


def test_an_image_that_breaks_a_service_is_found_and_the_others_come_in(
    house: House, slow: FakeSink
) -> None:
    put_off_many(house)

    def fail(extracted: Mapping[ImageId, object]) -> None:
        if MANY[5] in extracted:
            raise UnavailableError("the connection was lost")

    slow.before_put = fail
    rounds = 0
    while state(house).waiting:
        rounds += 1
        assert rounds < 10
        finished(house)
    assert len(slow.held) == len(MANY) - 1
    assert state(house).reasons == (("the connection was lost", 1, MANY[5]),)


def test_a_write_that_hangs_is_given_up_and_the_others_go_on(
    house: House, slow: FakeSink
) -> None:
    quick, released = house.sinks[0], threading.Event()
    quick.is_slow = True
    slow.timeout_s = SHORT_S
    put_off_many(house)

    def hang(_: Mapping[ImageId, object]) -> None:
        assert released.wait(GUARD_S)

    slow.before_put = hang
    made = finished(house)
    assert made["phash"] == WorkDone(put=len(MANY))
    assert f"gave no answer within {SHORT_S} s" in made["color"].ended
    assert state(house).ended == made["color"].ended
    released.set()
    wait_until(lambda: not finished(house).get("color", WorkDone()).ended)
    assert len(slow.held) == len(MANY)


def test_one_elsewhere_that_is_slow_holds_up_no_other(house: House) -> None:
    here, there = house.sinks
    here.is_slow = there.is_slow = True
    there.url = "http://127.0.0.1:9"
    put_off_many(house)
    done = threading.Event()

    def wait_for_the_other(_: Mapping[ImageId, object]) -> None:
        assert done.wait(GUARD_S)

    def tell(extracted: Mapping[ImageId, object]) -> None:
        # All but the one that is under way there.
        if len(here.held) + len(extracted) >= len(MANY) - 1:
            done.set()

    there.before_put = wait_for_the_other
    here.before_put = tell
    made = finished(house)
    assert {name: one.put for name, one in made.items()} == {
        "phash": len(MANY),
        "color": len(MANY),
    }


# -- how fast it goes ----------------------------------------------------------------


def test_the_rate_is_that_of_the_last_minute() -> None:
    now = 0.0
    rate = RecentRate(clock=lambda: now)
    assert rate.per_s() is None
    rate.add(16)
    assert rate.per_s() is None  # since when, nobody knows
    for _ in range(4):
        now += 1.0
        rate.add(20)
    assert rate.per_s() == 20.0
    now = 62.5  # only the last two are left
    assert rate.per_s() == 20.0
    now = 100.0
    assert rate.per_s() is None


def test_the_rest_takes_what_is_left_at_that_rate() -> None:
    assert BacklogState(waiting=50, rate=25.0).remaining_s == 2.0
    assert BacklogState(waiting=50).remaining_s is None
    assert BacklogState(waiting=50, rate=0.0).remaining_s is None
    assert BacklogState().remaining_s == 0.0


def test_the_rate_of_a_service_is_known_while_it_gets_images(
    house: House, slow: FakeSink
) -> None:
    put_off_many(house)
    finished(house)
    assert slow.held
    assert (state(house).rate or 0.0) > 0
