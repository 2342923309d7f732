"""Keeps the threads of a process from changing the same images at the same time."""

import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ambience.core.errors import BusyError
from ambience.core.features import ImageId


class ImageLocks:
    """Which images threads are changing now, and which ones services are still writing.

    The journal does the same for processes. It does not keep a process from its own
    changes, so threads need this first.
    """

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._at_work: set[ImageId] = set()
        self._written: defaultdict[str, set[ImageId]] = defaultdict(set)

    @contextmanager
    def __call__(self, ids: Sequence[ImageId]) -> Iterator[None]:
        """Wait until nobody else is changing these images, and keep others away."""
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
        """Yield those images that nobody else is changing, and keep others away."""
        with self._condition:
            free = [image_id for image_id in ids if image_id not in self._at_work]
            self._at_work.update(free)
        try:
            yield free
        finally:
            self._leave(free)

    @contextmanager
    def at_service(self, name: str, ids: Sequence[ImageId]) -> Iterator[None]:
        """Write images to one service, unless an earlier write is still going on.

        If a write hangs, its caller gives up waiting, but the write may still happen,
        and would then overwrite newer ones. So no other write begins until it has
        ended.

        Args:
            name: The service.
            ids: The images; nobody else may change them meanwhile: see `__call__`.

        Raises:
            BusyError: If there is such a write.
        """
        with self._condition:
            if not self._written[name].isdisjoint(ids):
                raise BusyError(f"{name} is still busy with an earlier change")
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
