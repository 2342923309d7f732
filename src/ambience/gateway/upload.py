"""The body of a request, passed on to a service elsewhere while it comes in."""

import asyncio
from collections.abc import AsyncIterator

import anyio
from starlette.requests import ClientDisconnect
from starlette.types import Receive

from ambience.remote.upstream import Body, paused

_AGAIN = 2**16  # bytes of an upload that are held, in case it must be sent once more


class Upload(Body):
    """The body of a request, as it comes in.

    Its beginning is held, so that a request which met a stale connection can be sent
    once more; not more than that.

    Args:
        receive: Gives it.
        limit: The service's time, which stands still while the client is waited for.
    """

    def __init__(self, receive: Receive, limit: anyio.CancelScope) -> None:
        self._receive = receive
        self._limit = limit
        self._ended = asyncio.Event()
        self._held: list[bytes] = []
        self._size = 0

    @property
    def can_repeat(self) -> bool:
        """Whether all that has come is held."""
        return self._size <= _AGAIN

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the pieces.

        Raises:
            ClientDisconnect: If the client is gone.
        """
        for piece in self._held:  # which a stale connection has lost
            yield piece
        while not self._ended.is_set():
            with paused(self._limit):
                message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            if not message.get("more_body", False):
                self._ended.set()
            piece = message.get("body", b"")
            if piece:
                self._size += len(piece)
                if self.can_repeat:
                    self._held.append(piece)
                else:
                    self._held.clear()
                yield piece

    async def watch(self) -> None:
        """Cancel all within the limit if the client goes while it waits."""
        await self._ended.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._limit.cancel()
