"""Writes the log of a server, which repeats nothing without bound."""

import logging
import sys
import time
from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from traceback import walk_tb
from typing import TextIO

from ambience.cli.terminal_text import ShownFormatter

_EVERY_S = 60.0  # what is repeated within a minute is counted
_ALIKE = 3  # times that the same line is written in it
_OF_A_PLACE = 20  # lines in other words that one place in the code writes in it
_ALL = 200  # lines in it, a traceback counted as one
_CHARACTERS = 16_384  # of one: a long traceback of a request has 10,000


def set_up_logs() -> None:
    """Send what this process logs to standard error, within bounds."""
    handler = BoundedHandler(sys.stderr)
    handler.setFormatter(ShownFormatter("%(levelname)s %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])


@dataclass(slots=True)
class _Place:
    """What one place in the code had to say within a minute.

    Attributes:
        last: What it said last that was not written.
        left_out: How often that was so.
        said: What was written, and how often.
    """

    last: logging.LogRecord
    left_out: int = 0
    said: "Counter[str]" = field(default_factory=Counter)


class BoundedHandler(logging.StreamHandler[TextIO]):
    """Writes records, within a minute not too many, and the same one a few times only.

    What was left out is counted, and summed up once the minute is over: with the next
    record, or at the end.

    Args:
        stream: Where to.
        clock: Tells the time, in seconds.
    """

    def __init__(
        self, stream: TextIO, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(stream)
        self._clock = clock
        self._since = clock()
        self._places: dict[Hashable, _Place] = {}  # few: places in the code are
        self._written = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, or count it."""
        if self._clock() - self._since >= _EVERY_S:
            self._sum_up()
        place = self._places.setdefault(_place(record), _Place(record))
        text = record.getMessage()
        if (
            place.said[text] < _ALIKE
            and place.said.total() < _OF_A_PLACE
            and self._written < _ALL
        ):
            place.said[text] += 1
            self._written += 1
            super().emit(record)
        else:
            place.left_out += 1
            place.last = record

    def format(self, record: logging.LogRecord) -> str:
        """Return the text of a record, cut off where it is far too long."""
        text = super().format(record)
        return text if len(text) <= _CHARACTERS else f"{text[:_CHARACTERS]} ..."

    def close(self) -> None:
        """Say what was left out."""
        self.acquire()
        try:
            self._sum_up()
        finally:
            self.release()
        super().close()

    def _sum_up(self) -> None:
        """Say what was left out, and begin the next minute."""
        places, self._places = self._places, {}
        self._written, self._since = 0, self._clock()
        for place in places.values():
            if place.left_out:
                super().emit(_summary(place))


def _place(record: logging.LogRecord) -> Hashable:
    """Return where a record comes from: where it was logged, or an error raised."""
    raised: Hashable = None
    if record.exc_info and record.exc_info[0] is not None:
        kind, _, trace = record.exc_info
        for frame, number in walk_tb(trace):
            raised = kind, frame.f_code.co_filename, number
    return record.name, record.pathname, record.lineno, raised


def _summary(place: _Place) -> logging.LogRecord:
    """Return the last record that was left out as one line, and how many there were."""
    last = place.last
    alike = place.said.keys() <= {last.getMessage()}
    times = f"repeated {place.left_out} times{'' if alike else ', or the like'}"
    line = last.getMessage().strip().partition("\n")[0]
    return logging.LogRecord(
        *(last.name, last.levelno, last.pathname, last.lineno),
        *("%s (%s)", (line, times), None),
    )
