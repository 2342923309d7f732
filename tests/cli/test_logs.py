"""A log says what is wrong, and repeats nothing without bound."""

import io
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from ambience.cli.logs import BoundedHandler


class Clock:
    """Tells the time that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def out() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def log(out: io.StringIO, clock: Clock) -> Iterator[logging.Logger]:
    log = logging.Logger("test", logging.WARNING)  # noqa: LOG001 -- of its own
    log.addHandler(BoundedHandler(out, clock=clock))
    yield log
    log.handlers[0].close()


def test_a_line_is_repeated_a_few_times_and_then_counted(
    log: logging.Logger, out: io.StringIO, clock: Clock
) -> None:
    for _ in range(1000):
        log.warning("the disk is full")
    assert out.getvalue() == 3 * "the disk is full\n"
    clock.now = 61
    log.warning("all is well")
    assert out.getvalue().splitlines()[3:] == [
        "the disk is full (repeated 997 times)",
        "all is well",
    ]


def test_what_was_left_out_is_said_at_the_end(
    log: logging.Logger, out: io.StringIO
) -> None:
    for _ in range(5):
        log.warning("the disk is full")
    log.handlers[0].close()
    assert out.getvalue().endswith("the disk is full (repeated 2 times)\n")


def test_a_traceback_is_repeated_a_few_times_whatever_the_words(
    log: logging.Logger, out: io.StringIO
) -> None:
    for number in range(2000):
        try:
            Path(f"/{number}/photo.jpg").open()  # noqa: SIM115 -- there is none
        except OSError:
            log.exception("GET /images/%d/file failed", number)
    assert out.getvalue().count("Traceback") == 20
    log.handlers[0].close()
    assert out.getvalue().endswith(
        "GET /images/1999/file failed (repeated 1980 times, or similar)\n"
    )
    assert len(out.getvalue()) < 20_000


def test_other_lines_of_the_same_place_are_all_written(
    log: logging.Logger, out: io.StringIO
) -> None:
    for number in range(20):
        log.warning("service %d is not available", number)
    assert len(set(out.getvalue().splitlines())) == 20


def test_even_what_is_different_each_time_has_an_end(
    log: logging.Logger, out: io.StringIO
) -> None:
    for number in range(10_000):
        record = log.makeRecord("a", 30, f"{number}.py", number, "x", (), None)
        log.handle(record)
    assert out.getvalue().count("\n") == 200


def test_a_very_long_record_is_cut_off(log: logging.Logger, out: io.StringIO) -> None:
    log.warning("%s", 10**6 * "x")
    assert len(out.getvalue()) < 20_000
