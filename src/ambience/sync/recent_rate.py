"""How fast something has been going lately."""

import time
from collections import deque
from collections.abc import Callable
from threading import Lock

_WINDOW_S = 60.0  # long enough for slow services, short enough to forget quickly


class RecentRate:
    """Counts what is done, and tells how many that was per second; on any thread.

    Args:
        clock: Tells the time, in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._done: deque[tuple[float, int]] = deque()  # when, and how many

    def add(self, count: int) -> None:
        """Record how many were done since the last call."""
        with self._lock:
            self._done.append((self._clock(), count))
            self._forget()

    def per_s(self) -> float | None:
        """Return how many per second in the last minute; None if unknown."""
        with self._lock:
            self._forget()
            if not self._done:
                return None
            (first, _), (last, _) = self._done[0], self._done[-1]
            # What came with the first entry was done before the window began.
            later = sum(count for _, count in self._done) - self._done[0][1]
            return later / (last - first) if last > first else None

    def _forget(self) -> None:
        oldest = self._clock() - _WINDOW_S
        while self._done and self._done[0][0] < oldest:
            self._done.popleft()
