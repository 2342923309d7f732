"""The body of a request, passed on to a service elsewhere as it comes in."""

import asyncio
from collections.abc import AsyncIterator

import anyio
from starlette.requests import ClientDisconnect
from starlette.types import Receive

from ambience.remote.upstream import Body, paused

_AGAIN = 2**16  # bytes of an upload that are kept in case it must be sent again


class Upload(Body):
    """The body of a request, as it comes in.

    Its beginning is kept, so that a short request can be sent again if it met a stale
    connection.

    Args:
        receive: Provides the body.
        limit: The service's time limit, which stops while we wait for the client.
    """

    def __init__(self, receive: Receive, limit: anyio.CancelScope) -> None:
        self._receive = receive
        self._limit = limit
        self._ended = asyncio.Event()
        self._held: list[bytes] = []
        self._size = 0

    @property
    def can_repeat(self) -> bool:
        """Whether everything received so far is kept."""
        return self._size <= _AGAIN

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the pieces.

        Raises:
            ClientDisconnect: If the client hangs up.
        """
        for piece in self._held:  # lost by a stale connection
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
        """Cancel everything within the limit if the client hangs up while it waits."""
        await self._ended.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._limit.cancel()
