"""A few connections to the catalog, which all threads share."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Empty, LifoQueue

from sqlalchemy import Connection

from ambience.core.errors import UnavailableError

READERS = 8  # queries are short: this many serve the 40 threads that answer requests
_WAIT_S = 30.0  # as long as a write waits for another process's
_CLOSE_S = 5.0  # a thread that hangs must not delay the shutdown


class Connections:
    """A fixed number of connections, each lent to one thread at a time.

    All are made at once, so that none is needed later, when file descriptors may be
    short.

    Args:
        connect: Makes a connection.
        count: How many to make.
        wait_s: How long `lent` waits for one, in seconds.
    """

    def __init__(
        self,
        connect: Callable[[], Connection],
        count: int,
        *,
        wait_s: float = _WAIT_S,
    ) -> None:
        self._wait_s = wait_s
        self._count = 0
        self._is_closed = False
        self._idle: LifoQueue[Connection] = LifoQueue()
        try:
            for _ in range(count):
                self._idle.put(connect())
                self._count += 1
        except BaseException:
            self.close()
            raise

    @contextmanager
    def lent(self) -> Iterator[Connection]:
        """Lend a connection until the block ends.

        Raises:
            UnavailableError: If others keep all of them for too long.
        """
        try:
            connection = self._idle.get(timeout=0 if self._is_closed else self._wait_s)
        except Empty:
            why = "closed" if self._is_closed else "busy: try again in a moment"
            raise UnavailableError(f"the catalog is {why}") from None
        try:
            yield connection
        finally:
            self._idle.put(connection)

    def close(self) -> None:
        """Close all; one that a thread does not return is closed with the process."""
        self._is_closed = True
        deadline = time.monotonic() + _CLOSE_S
        while self._count:
            try:
                connection = self._idle.get(
                    timeout=max(0.0, deadline - time.monotonic())
                )
            except Empty:
                return
            connection.close()
            self._count -= 1
