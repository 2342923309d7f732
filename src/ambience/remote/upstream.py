"""Carries requests to a service elsewhere, over connections kept for the next ones."""

import math
import ssl
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager
from typing import Any, TypeAlias

import anyio
import httpx2

Headers: TypeAlias = Sequence[tuple[bytes, bytes]]

_CONNECT_S = 2.0  # a machine that is there answers in one, even if one packet is lost
_LIMITS = httpx2.Limits(
    max_connections=100,  # at once; further requests wait for one of them
    max_keepalive_connections=32,  # of these, while nobody needs them
    keepalive_expiry=4.0,  # our servers close an idle connection after 5 s
)
_PIECE = 2**18  # bytes of a file on their way at once


class Body(httpx2.AsyncByteStream, ABC):
    """The body of a request."""

    @property
    @abstractmethod
    def can_repeat(self) -> bool:
        """Whether it can be iterated over once more."""


class Whole(Body):
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
        self, method: str, target: bytes, headers: Headers, body: Body
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
