"""Services are kept in step by themselves, at the start and when they come back."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import pytest

from ambience.core.errors import StoredDataError, UnavailableError
from ambience.core.features import ImageId
from ambience.sync import CatchUp
from tests.ingest.test_writer import NEW, OLD, SEVEN, FakeSink, House, nothing

AWAY = UnavailableError("no answer")
DEADLINE_S = 60


def caught_up(house: House) -> CatchUp:
    return CatchUp(
        writer=house.writer,
        services=house.sinks,
        missed=house.missed,
        comparison=house.comparison,
        backlog=house.backlog,
        every_s=0.01,
    )


@contextmanager
def kept_in_step(house: House) -> Iterator[None]:
    catch_up = caught_up(house)
    catch_up.start()
    try:
        yield
    finally:
        catch_up.stop()
    assert "catch_up" not in [thread.name for thread in threading.enumerate()]


def wait_until(so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_service_that_comes_back_gets_what_it_missed(
    house: House, color: FakeSink
) -> None:
    with kept_in_step(house):
        house.put(OLD)
        color.fails = AWAY
        house.put(NEW)
        color.fails = None
        wait_until(lambda: not house.missed.counts())
        assert house.holds(NEW)


def test_what_a_service_lacks_at_the_start_is_found(
    house: House, color: FakeSink
) -> None:
    house.put(OLD)
    color.held.clear()
    with kept_in_step(house):
        wait_until(lambda: house.holds(OLD))


@pytest.mark.parametrize("lost", ["the store", "the latest changes"])
def test_a_store_that_was_lost_while_nobody_looked_is_noticed(
    house: House, color: FakeSink, lost: str
) -> None:
    house.put(OLD)
    with kept_in_step(house):
        wait_until(lambda: color.looks > 1)
        color.held.clear()
        if lost == "the store":
            color.store_id = "anew"
        else:
            color.seq = 0
        wait_until(lambda: house.holds(OLD))


def test_a_change_that_could_not_be_ended_is_ended(
    house: House, color: FakeSink
) -> None:
    house.put(OLD)
    with kept_in_step(house):
        color.fails = StoredDataError("disk full")
        with pytest.raises(StoredDataError):
            house.put(NEW)
        color.fails = None
        wait_until(lambda: house.holds(NEW))


def test_what_is_done_is_said_once_and_so_is_what_fails(
    house: House, color: FakeSink, caplog: pytest.LogCaptureFixture
) -> None:
    house.put(OLD)
    color.held.clear()
    tries = 0

    def refuse(extracted: Mapping[ImageId, object]) -> None:
        nonlocal tries
        tries += len(extracted)
        raise UnavailableError("still starting")

    color.before_put = refuse
    with kept_in_step(house):
        wait_until(lambda: tries > 3)
        color.before_put = nothing
        wait_until(lambda: house.holds(OLD))
    assert caplog.messages == [
        "color missed 1 images: it is getting them now",
        "color is not up to date yet: still starting",
        "color has caught up: 1 images added, 0 removed, 0 not possible",
    ]


def test_an_image_that_can_not_be_had_is_not_tried_over_and_over(
    house: House, color: FakeSink
) -> None:
    color.fails = AWAY
    house.put(OLD, keep=False)
    color.fails = None
    with kept_in_step(house):
        wait_until(lambda: not house.missed.waiting("color", limit=1))
        looks, seq = color.looks, color.seq
        wait_until(lambda: color.looks > looks + 3)
        assert color.seq == seq
    assert house.missed.counts() == {"color": 1}
    assert SEVEN not in color.held
