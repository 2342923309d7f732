"""Carries requests to a service elsewhere, over connections kept for the next ones."""

import asyncio
import math
import ssl
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager
from typing import Any, TypeAlias

import anyio
import httpx2
from starlette.requests import ClientDisconnect
from starlette.types import Receive

Headers: TypeAlias = Sequence[tuple[bytes, bytes]]

_CONNECT_S = 2.0  # a machine that is there answers in one, even if one packet is lost
_LIMITS = httpx2.Limits(
    max_connections=100,  # at once; further requests wait for one of them
    max_keepalive_connections=32,  # of these, while nobody needs them
    keepalive_expiry=4.0,  # our servers close an idle connection after 5 s
)
_PIECE = 2**18  # bytes of a file on their way at once
_AGAIN = 2**16  # bytes of an upload that are held, in case it must be sent once more


class Whole(httpx2.AsyncByteStream):
    """The body of a request that is all there; copied one piece at a time only.

    Args:
        parts: One after the other; iterated again where it must be sent once more.
    """

    can_repeat = True

    def __init__(self, parts: httpx2.SyncByteStream | Sequence[bytes] = ()) -> None:
        self._parts = parts

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the pieces."""
        for part in self._parts:
            for start in range(0, len(part), _PIECE):
                yield part[start : start + _PIECE]


class Upload(httpx2.AsyncByteStream):
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


class Upstream:
    """The connections to one service, to be used in one event loop.

    No proxy of the environment is asked, no redirect followed and no cookie kept.

    A request is repeated once, in one case: if a connection that was kept from before
    closed before an answer began. Those that are seen to be closed are not used; this
    one was given up just when it was used again, so the request most likely never got
    there. Should it have got there after all, no harm is done: to search twice changes
    nothing, and to put or delete an image twice is to do it once. (Who deletes may then
    be told that there is no such image.)

    Nothing else is repeated: a request that nobody accepts is better answered at once,
    as the service is down.

    Args:
        url: Where it is.
    """

    def __init__(self, url: httpx2.URL) -> None:
        self._url = url
        # Without TLS, no certificates: to read the system's takes more than 20 ms.
        tls = None if url.scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._transport = httpx2.AsyncHTTPTransport(verify=tls or True, limits=_LIMITS)

    @asynccontextmanager
    async def exchange(
        self, method: str, target: bytes, headers: Headers, body: Whole | Upload
    ) -> AsyncIterator[httpx2.Response]:
        """Send a request and give its answer, as soon as that begins.

        Args:
            method: Such as GET.
            target: Path and query.
            headers: As they are sent, with how the body is framed.
            body: Sent before an answer is heard.

        Raises:
            httpx2.HTTPError: If the service can't be reached or breaks off. What `body`
                raises is raised as it is.
        """
        connected = False

        async def trace(event: str, _: dict[str, Any]) -> None:
            nonlocal connected
            connected = connected or event == "connection.connect_tcp.started"

        request = httpx2.Request(
            method,
            self._url,
            headers=list(headers),
            stream=body,
            extensions={
                "target": target,
                "timeout": {"connect": _CONNECT_S},
                "trace": trace,
            },
        )
        try:
            response = await self._transport.handle_async_request(request)
        except (httpx2.RemoteProtocolError, httpx2.ReadError):
            if connected or not body.can_repeat:
                raise
            response = await self._transport.handle_async_request(request)
        async with aclosing(response):
            yield response

    async def aclose(self) -> None:
        """Close the connections."""
        await self._transport.aclose()


@contextmanager
def paused(limit: anyio.CancelScope) -> Iterator[None]:
    """Do not count what is done inside."""
    left_s = limit.deadline - anyio.current_time()
    limit.deadline = math.inf
    try:
        yield
    finally:
        limit.deadline = anyio.current_time() + left_s


async def whole(response: httpx2.Response, *, max_bytes: int) -> bytes:
    """Return the body of an answer.

    Raises:
        httpx2.HTTPError: If it is cut short, or larger than that.
    """
    body = bytearray()
    async for piece in response.aiter_raw():
        body += piece
        if len(body) > max_bytes:
            raise httpx2.ReadError(f"more than {max_bytes} bytes came back")
    return bytes(body)
