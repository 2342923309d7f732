"""Keeps the threads of a process from changing the same images at once."""

import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ambience.core.errors import BusyError
from ambience.core.features import ImageId


class ImageLocks:
    """Which images some thread is changing now, and which a service is still writing.

    The journal does the same for processes; it lets a process go on with what it began
    itself, so threads need this first.
    """

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._at_work: set[ImageId] = set()
        self._written: defaultdict[str, set[ImageId]] = defaultdict(set)

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
            self._leave(ids)

    @contextmanager
    def if_free(self, ids: Sequence[ImageId]) -> Iterator[list[ImageId]]:
        """Give those images that nobody else changes; nobody will meanwhile."""
        with self._condition:
            free = [image_id for image_id in ids if image_id not in self._at_work]
            self._at_work.update(free)
        try:
            yield free
        finally:
            self._leave(free)

    @contextmanager
    def at_service(self, name: str, ids: Sequence[ImageId]) -> Iterator[None]:
        """Write images at one service, or refuse while an earlier write has no end.

        A write that hangs is given up by whoever waited for it, and may still happen:
        what came after it would be overwritten. So nothing does, until it has ended.

        Args:
            name: Of the service.
            ids: The images, which nobody else changes meanwhile: see `__call__`.

        Raises:
            BusyError: If there is such a write.
        """
        with self._condition:
            if not self._written[name].isdisjoint(ids):
                raise BusyError(f"{name} is not done with an earlier change")
            self._written[name].update(ids)
        try:
            yield
        finally:
            with self._condition:
                self._written[name].difference_update(ids)

    def _leave(self, ids: Sequence[ImageId]) -> None:
        with self._condition:
            self._at_work.difference_update(ids)
            self._condition.notify_all()
