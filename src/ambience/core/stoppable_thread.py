"""Work that goes on beside a server, until that is asked to stop."""

import threading
from collections.abc import Callable
from typing import TypeAlias

Work: TypeAlias = Callable[[threading.Event], None]
"""What is done; it returns soon after the event is set."""


class StoppableThread:
    """A thread that can be asked to end.

    Args:
        name: Of the thread.
        work: What it does, once.
        within_s: How long `stop` waits for it, in seconds; a process that ends sooner
            is a power cut to it. ``None``: until it has ended.
    """

    def __init__(self, name: str, work: Work, *, within_s: float | None = None) -> None:
        self._stop = threading.Event()
        self._within_s = within_s
        self._thread = threading.Thread(
            target=work, args=[self._stop], name=name, daemon=within_s is not None
        )

    @property
    def is_at_work(self) -> bool:
        """Whether it has begun and not ended."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Ask it to end, and wait."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(self._within_s)
