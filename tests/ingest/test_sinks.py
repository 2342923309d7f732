"""Services are written at once; one that hangs costs the others nothing, nor itself."""

import time
from collections.abc import Iterator, Mapping
from threading import Barrier, Event

import pytest

from ambience.core.features import ImageId
from ambience.imaging import ImageFile
from tests.abilities import GUARD_S
from tests.drawing import drawn_image, encode
from tests.ingest.test_writer import NEW, OLD, SEVEN, FakeSink, House

SHORT_S = 0.5  # a limit that is meant to pass where nobody answers
NEWEST = encode(drawn_image(3, (60, 80)))


class HangingSink(FakeSink):
    """A service whose next write hangs, and happens once the test lets it."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.timeout_s = SHORT_S
        self.hangs = False
        self.released = Event()

    def put(self, extracted: Mapping[ImageId, object]) -> None:
        if self.hangs:
            self.hangs = False
            assert self.released.wait(GUARD_S)
        super().put(extracted)


@pytest.fixture
def hanging(house: House) -> Iterator[HangingSink]:
    """The second of the services of a library, which can hang."""
    sink = HangingSink("color")
    house.sinks[1] = sink
    house.restart()
    yield sink
    sink.released.set()


def repair(house: House, sink: FakeSink) -> None:
    """Give a service what it missed, once the write that hung has ended."""
    deadline = time.monotonic() + GUARD_S
    while house.repairer.repair([sink])["color"].ended:
        assert time.monotonic() < deadline


def test_all_services_are_written_at_once(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = Barrier(2)  # broken if one waited for the other
    for sink in house.sinks:
        put = sink.put

        def put_together(
            extracted: Mapping[ImageId, object], put: object = put
        ) -> None:
            together.wait(GUARD_S)
            assert callable(put)
            put(extracted)

        monkeypatch.setattr(sink, "put", put_together)
    assert house.put(OLD) == {}
    assert house.holds(OLD)


def test_a_write_that_hangs_counts_as_missed_and_is_made_up_for(
    house: House, hanging: HangingSink
) -> None:
    hanging.hangs = True
    missed = house.put(OLD)
    assert f"gave no answer within {SHORT_S} s" in missed["color"]
    assert house.sinks[0].held == {SEVEN: ImageFile(OLD).sha256}
    assert house.missed.counts() == {"color": 1}
    hanging.released.set()
    repair(house, hanging)
    assert house.holds(OLD)
    assert house.missed.counts() == {}


def test_a_late_write_does_not_overwrite_a_newer_one(
    house: House, hanging: HangingSink
) -> None:
    house.put(OLD)
    hanging.hangs = True
    house.put(NEW)
    made = house.repairer.repair([hanging])["color"]
    assert made.ended == "color is still busy with an earlier change"
    assert "left out" in house.put(NEWEST)["color"]  # and costs no time
    assert hanging.held == {SEVEN: ImageFile(OLD).sha256}
    hanging.released.set()  # only now, what was put before is written
    repair(house, hanging)
    assert house.holds(NEWEST)
    assert house.missed.counts() == {}


def test_a_late_write_does_not_bring_back_what_was_deleted(
    house: House, hanging: HangingSink
) -> None:
    hanging.hangs = True
    house.put(OLD)
    house.writer.delete(SEVEN)
    hanging.released.set()
    repair(house, hanging)
    assert house.holds(None)
    assert house.missed.counts() == {}


def test_what_is_wrong_with_the_disk_is_said_after_all_have_ended(
    house: House, hanging: HangingSink
) -> None:
    house.sinks[0].fails = OSError(28, "No space left on device")
    hanging.hangs = True
    with pytest.raises(OSError, match="No space left"):
        house.put(OLD)
    house.sinks[0].fails = None
    hanging.released.set()
    house.writer.mend()
    repair(house, hanging)
    assert house.holds(None)
