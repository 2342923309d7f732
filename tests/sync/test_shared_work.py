"""Processes on one library share the work that waits, and do none of it twice."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack

import pytest

from ambience.core.features import ImageId
from ambience.imaging import ImageFile
from tests.abilities import GUARD_S
from tests.ingest.test_writer import NEW, OLD, SEVEN, FakeSink, House
from tests.killed import kill
from tests.sync.test_backlog import MANY, finished, put_off, put_off_many


@pytest.fixture
def other(house: House, slow: FakeSink) -> Iterator[House]:
    """Another process on the same library, with the same services."""
    with ExitStack() as opened:
        other = House(house.data)
        opened.callback(other.close)
        other.sinks[1].is_slow = slow.is_slow
        other.sinks[1].held = slow.held
        yield other


def test_two_processes_share_the_work_and_do_none_of_it_twice(
    house: House, slow: FakeSink, other: House
) -> None:
    put_off_many(house)
    done: list[ImageId] = []
    together = threading.Barrier(2)  # broken if one of them did all alone

    def noting(sink: FakeSink) -> None:
        met = False

        def note(images: Sequence[ImageFile]) -> None:
            nonlocal met
            if not met:
                met = True
                together.wait(GUARD_S)
            done.extend([ImageId(0)] * len(images))

        sink.before_extract = note

    noting(slow)
    noting(other.sinks[1])
    thread = threading.Thread(target=finished, args=[other])
    thread.start()
    finished(house)
    assert not house.missed.tallies()  # what the other had taken was waited for
    thread.join()
    assert len(done) == len(MANY) == len(slow.held)


def test_what_a_process_had_taken_when_it_was_killed_is_done_by_another(
    house: House, slow: FakeSink, other: House
) -> None:
    put_off_many(house)
    assert other.journal.take_work({"color": MANY[:30]}) == {"color": MANY[:30]}
    made = house.repairer.repair([slow])
    assert made["color"].put == 10
    kill(other.journal)
    finished(house)
    assert len(slow.held) == len(MANY)


def test_work_that_was_taken_keeps_nobody_from_changing_the_image(
    house: House, slow: FakeSink, other: House
) -> None:
    put_off(house, OLD)
    other.journal.take_work({"color": [SEVEN]})
    house.writer.delete(SEVEN)
    put_off(house, NEW)
    finished(house)  # what was taken was work on another content
    assert house.holds(NEW)
    assert slow.held
