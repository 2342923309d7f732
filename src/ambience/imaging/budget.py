"""What many threads share and wait for in a line: memory, or workers."""

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
class _Waiting:
    """Somebody in the line.

    Attributes:
        is_refused: Whether all who wait were sent away.
        since: When it came, as `time.monotonic` tells it.
    """

    is_refused: bool = False
    since: float = field(default_factory=time.monotonic)


class Budget:
    """A whole, in any unit, of which each takes a part for a while.

    Who came first goes first, so that a large part is never passed by small ones for
    good.

    Args:
        patience_s: How long one who is not `Caller.patient` waits, in seconds.
    """

    def __init__(self, *, patience_s: float = PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._taken = 0
        self._line: deque[_Waiting] = deque()
        self._changed = threading.Condition()

    @property
    def waiting(self) -> int:
        """How many stand in the line."""
        return len(self._line)

    def head_waits_s(self) -> float:
        """Return how long the first in the line has waited, in seconds."""
        with self._changed:
            return time.monotonic() - self._line[0].since if self._line else 0.0

    def refuse_all(self) -> None:
        """Send away everybody who waits."""
        with self._changed:
            for waiting in self._line:
                waiting.is_refused = True
            self._changed.notify_all()

    @contextmanager
    def taken(self, part: int, *, whole: int, caller: Caller) -> Iterator[None]:
        """Wait for a part of the whole, and have it for the time of the block.

        Not to be used again inside of it: the second could wait for the first.

        Args:
            part: How much, at most the whole.
            whole: How much all take together, at most.
            caller: Who waits.

        Raises:
            UnavailableError: If the caller is not patient and its turn does not come.
            StoppedError: If the caller goes, or all are sent away.
        """
        if part > whole:
            raise ValueError(f"{part} is more than the whole of {whole}")
        me = _Waiting()
        with caller.on_leaving(self._look_again), self._changed:
            self._line.append(me)
            try:
                came = self._changed.wait_for(
                    lambda: (
                        caller.is_gone
                        or me.is_refused
                        or (self._line[0] is me and self._taken + part <= whole)
                    ),
                    None if caller.patient else self._patience_s,
                )
                if caller.is_gone or me.is_refused:
                    raise StoppedError("nobody waits for this image any more")
                if not came:
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
