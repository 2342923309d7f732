"""A limited resource, such as memory or workers, that threads wait for in turn."""

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from ambience.core.cancellation import Caller
from ambience.core.errors import StoppedError, UnavailableError

PATIENCE_S = 30.0  # as long as a search waits for a service


@dataclass(slots=True, eq=False)
class _Ticket:
    """A place in the line.

    Attributes:
        is_refused: Whether everybody in the line was sent away.
        since: When it was taken, in `time.monotonic` seconds.
    """

    is_refused: bool = False
    since: float = field(default_factory=time.monotonic)


class Budget:
    """A total, in any unit, of which each caller takes a part for a while.

    Callers are served in the order they came, so a caller that needs a large part isn't
    overtaken forever by callers that need small ones.

    Args:
        patience_s: How long a caller that isn't `Caller.patient` waits, in seconds.
    """

    def __init__(self, *, patience_s: float = PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._taken = 0
        self._line: deque[_Ticket] = deque()
        self._changed = threading.Condition()

    @property
    def waiting(self) -> int:
        """How many are waiting in the line."""
        return len(self._line)

    def head_waits_s(self) -> float:
        """Return how long the first in the line has been waiting, in seconds."""
        with self._changed:
            return time.monotonic() - self._line[0].since if self._line else 0.0

    def refuse_all(self) -> None:
        """Send away everybody in the line."""
        with self._changed:
            for ticket in self._line:
                ticket.is_refused = True
            self._changed.notify_all()

    @contextmanager
    def taken(self, part: int, *, whole: int, caller: Caller) -> Iterator[None]:
        """Wait for a part of the total, and hold it during the block.

        Don't nest calls: the inner one could wait for the outer one.

        Args:
            part: How much to take, at most ``whole``.
            whole: The total.
            caller: Who is waiting.

        Raises:
            UnavailableError: If the caller isn't patient and waits too long.
            StoppedError: If the caller leaves, or everybody is sent away.
        """
        if part > whole:
            raise ValueError(f"{part} is more than the whole of {whole}")
        me = _Ticket()
        with caller.on_leaving(self._look_again), self._changed:
            self._line.append(me)
            try:
                is_my_turn = self._changed.wait_for(
                    lambda: (
                        caller.is_gone
                        or me.is_refused
                        or (self._line[0] is me and self._taken + part <= whole)
                    ),
                    None if caller.patient else self._patience_s,
                )
                if caller.is_gone or me.is_refused:
                    raise StoppedError("nobody is waiting for this any more")
                if not is_my_turn:
                    raise UnavailableError(
                        "the server is busy decoding other images: try again"
                    )
                self._taken += part
            finally:  # also when the wait is interrupted
                self._line.remove(me)
                self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._taken -= part
                self._changed.notify_all()

    def _look_again(self) -> None:
        with self._changed:
            self._changed.notify_all()
