"""Writes the log of a server, with a limit on repeated messages."""

import logging
import sys
import time
from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from traceback import walk_tb
from typing import TextIO

from ambience.cli.terminal_text import ShownFormatter

_EVERY_S = 60.0  # the limits below are per minute
_ALIKE = 3  # times that the same message is written
_PER_SOURCE = 20  # different messages from one place in the code
_ALL = 200  # messages in total; a traceback counts as one
_CHARACTERS = 16_384  # per message: a long traceback of a request has 10,000


def set_up_logs() -> None:
    """Write the log of this process to standard error, within limits."""
    handler = BoundedHandler(sys.stderr)
    handler.setFormatter(ShownFormatter("%(levelname)s %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])


@dataclass(slots=True)
class _Source:
    """The messages from one place in the code within a minute.

    Attributes:
        last: The last message that was not written.
        left_out: Number of messages that were not written.
        said: How often each message was written.
    """

    last: logging.LogRecord
    left_out: int = 0
    said: "Counter[str]" = field(default_factory=Counter)


class BoundedHandler(logging.StreamHandler[TextIO]):
    """Writes a limited number of records per minute, and the same one a few times only.

    The records left out are counted. A summary follows after the minute, with the next
    record or at the end.

    Args:
        stream: Where to write.
        clock: Returns the time in seconds.
    """

    def __init__(
        self, stream: TextIO, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(stream)
        self._clock = clock
        self._since = clock()
        # Few, because few places in the code log anything.
        self._sources: dict[Hashable, _Source] = {}
        self._written = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, or count it."""
        if self._clock() - self._since >= _EVERY_S:
            self._sum_up()
        source = self._sources.setdefault(_source_of(record), _Source(record))
        text = record.getMessage()
        if (
            source.said[text] < _ALIKE
            and source.said.total() < _PER_SOURCE
            and self._written < _ALL
        ):
            source.said[text] += 1
            self._written += 1
            super().emit(record)
        else:
            source.left_out += 1
            source.last = record

    def format(self, record: logging.LogRecord) -> str:
        """Return the text of a record, truncated if it is far too long."""
        text = super().format(record)
        return text if len(text) <= _CHARACTERS else f"{text[:_CHARACTERS]} ..."

    def close(self) -> None:
        """Write the summary."""
        self.acquire()
        try:
            self._sum_up()
        finally:
            self.release()
        super().close()

    def _sum_up(self) -> None:
        """Write the summary, and start the next minute."""
        sources, self._sources = self._sources, {}
        self._written, self._since = 0, self._clock()
        for source in sources.values():
            if source.left_out:
                super().emit(_summary(source))


def _source_of(record: logging.LogRecord) -> Hashable:
    """Return the place in the code that logged a record or raised its error."""
    raised: Hashable = None
    if record.exc_info and record.exc_info[0] is not None:
        kind, _, trace = record.exc_info
        for frame, number in walk_tb(trace):
            raised = kind, frame.f_code.co_filename, number
    return record.name, record.pathname, record.lineno, raised


def _summary(source: _Source) -> logging.LogRecord:
    """Return one line with the last record left out, and the number of them."""
    last = source.last
    alike = source.said.keys() <= {last.getMessage()}
    times = f"repeated {source.left_out} times{'' if alike else ', or similar'}"
    line = last.getMessage().strip().partition("\n")[0]
    return logging.LogRecord(
        *(last.name, last.levelno, last.pathname, last.lineno),
        *("%s (%s)", (line, times), None),
    )
