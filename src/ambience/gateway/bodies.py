"""What is sent with a request to a service elsewhere: all there, or still coming in."""

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Protocol

from starlette.requests import ClientDisconnect
from starlette.types import Receive

_PIECE = 2**18  # bytes of a file on their way at once
_AGAIN = 2**16  # bytes of an upload that are held, in case it must be sent once more


class Body(Protocol):
    """What is sent with a request, piece by piece."""

    async def piece(self) -> bytes | memoryview:
        """Return the next piece; empty at the end. May be cancelled at any time."""
        ...

    def rewind(self) -> bool:
        """Begin again, if that is possible."""
        ...

    async def no_longer_needed(self) -> None:
        """Wait until nobody wants the answer any more, then raise an exception."""
        ...


class Parts:
    """A body that is there; its bytes are shared, not copied.

    Args:
        parts: One after the other.
    """

    def __init__(self, parts: Sequence[bytes]) -> None:
        self._parts = parts
        self._pieces = self._cut()

    async def piece(self) -> bytes | memoryview:
        """See `Body.piece`."""
        return next(self._pieces, b"")

    def rewind(self) -> bool:
        """See `Body.rewind`."""
        self._pieces = self._cut()
        return True

    async def no_longer_needed(self) -> None:
        """See `Body.no_longer_needed`: whoever has it all waits to the end."""
        await asyncio.get_running_loop().create_future()

    def _cut(self) -> Iterator[memoryview]:
        for part in self._parts:
            shared = memoryview(part)
            for start in range(0, len(part), _PIECE):
                yield shared[start : start + _PIECE]


class Upload:
    """The body of a request, as it comes in.

    Its beginning is held, so that a request which met a stale connection can be sent
    once more; not more than that.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._has_ended = False
        self._held: list[bytes] | None = []
        self._size = 0
        self._again: deque[bytes] = deque()

    async def piece(self) -> bytes:
        """See `Body.piece`.

        Raises:
            ClientDisconnect: If the client is gone.
        """
        if self._again:
            return self._again.popleft()
        while not self._has_ended:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            self._has_ended = not message.get("more_body", False)
            body: bytes = message.get("body", b"")
            if body:
                self._hold(body)
                return body
        return b""

    def rewind(self) -> bool:
        """See `Body.rewind`."""
        if self._held is None:
            return False
        self._again = deque(self._held)
        return True

    async def no_longer_needed(self) -> None:
        """See `Body.no_longer_needed`."""
        while (await self._receive())["type"] != "http.disconnect":
            pass
        raise ClientDisconnect

    def _hold(self, body: bytes) -> None:
        self._size += len(body)
        if self._size > _AGAIN:
            self._held = None
        elif self._held is not None:
            self._held.append(body)
