"""How much is decoded at the same time, whatever number of images arrive at once."""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from ambience.imaging.limits import MEGA

# The largest image that `Limits` allows fits in; at 4 bytes a pixel it is 1 GiB.
MAX_MEGAPIXELS: Final = 256


class Budget:
    """A number of megapixels, shared by those who wait for their part in a line.

    Who came first goes first, so that a large image is never passed by small ones for
    good.

    Args:
        megapixels: The whole.
    """

    def __init__(self, megapixels: float) -> None:
        # In pixels: fractions would not add up to the whole again.
        self._whole = self._free = round(megapixels * MEGA)
        self._line: deque[object] = deque()
        self._changed = threading.Condition()

    @property
    def waiting(self) -> int:
        """How many stand in the line."""
        return len(self._line)

    @contextmanager
    def taken(self, megapixels: float) -> Iterator[None]:
        """Wait for a part of the budget, and have it for the time of the block.

        Not to be used again inside of it: the second could wait for the first.

        Args:
            megapixels: How much; who wants more than the whole has all of it, alone.
        """
        pixels = min(round(megapixels * MEGA), self._whole)
        me = object()
        with self._changed:
            self._line.append(me)
            try:
                self._changed.wait_for(
                    lambda: self._line[0] is me and self._free >= pixels
                )
                self._free -= pixels
            finally:  # also when the wait is interrupted
                self._line.remove(me)
                self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._free += pixels
                self._changed.notify_all()


decoding: Final = Budget(MAX_MEGAPIXELS).taken
"""Take part in the budget of this process: ``with decoding(12.5): ...``."""
