"""Keeps the threads of a process from changing the same images at once."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ambience.core.features import ImageId


class Alone:
    """Which images some thread is changing now.

    The journal does the same for processes; it lets a process go on with what it began
    itself, so threads need this first.
    """

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._at_work: set[ImageId] = set()

    @contextmanager
    def __call__(self, ids: Sequence[ImageId]) -> Iterator[None]:
        """Wait until nobody else changes these images; nobody will meanwhile."""
        with self._condition:
            while not self._at_work.isdisjoint(ids):
                self._condition.wait()
            self._at_work.update(ids)
        try:
            yield
        finally:
            with self._condition:
                self._at_work.difference_update(ids)
                self._condition.notify_all()
