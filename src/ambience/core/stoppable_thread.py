"""A background thread that can be asked to stop."""

import threading
from collections.abc import Callable
from typing import TypeAlias

Work: TypeAlias = Callable[[threading.Event], None]
"""What the thread does; it must return soon after the event is set."""


class StoppableThread:
    """A thread that can be asked to stop.

    Args:
        name: The name of the thread.
        work: What the thread does.
        within_s: How long `stop` waits for the thread, in seconds. If the process ends
            before the thread, it is cut off anywhere in its work. ``None``: `stop`
            waits until the thread has ended.
    """

    def __init__(self, name: str, work: Work, *, within_s: float | None = None) -> None:
        self._stop = threading.Event()
        self._within_s = within_s
        self._thread = threading.Thread(
            target=work, args=[self._stop], name=name, daemon=within_s is not None
        )

    @property
    def is_at_work(self) -> bool:
        """Whether the thread is running."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to stop, and wait for it."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(self._within_s)
