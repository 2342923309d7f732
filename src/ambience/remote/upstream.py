"""Carries requests to a service elsewhere, on connections that are kept open."""

import math
import ssl
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager
from typing import Any, TypeAlias

import anyio
import httpx2

Headers: TypeAlias = Sequence[tuple[bytes, bytes]]

_CONNECT_S = 2.0  # a running machine answers in one, even if one packet is lost
_LIMITS = httpx2.Limits(
    max_connections=100,  # at once; further requests wait for one of them
    max_keepalive_connections=32,  # kept open while nobody needs them
    keepalive_expiry=4.0,  # our servers close an idle connection after 5 s
)
_PIECE = 2**18  # bytes of a file that are sent at once


class Body(httpx2.AsyncByteStream, ABC):
    """The body of a request."""

    @property
    @abstractmethod
    def can_repeat(self) -> bool:
        """Whether it can be iterated over again."""


class Whole(Body):
    """The body of a request that is complete; copied only a piece at a time.

    Args:
        parts: The parts, in order; iterated over again if the body is sent again.
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
    """The connections to one service, for use in one event loop.

    Proxies from the environment are not used, redirects are not followed, and cookies
    are not kept.

    A request is repeated, once, in only one case: if a connection that was kept open
    closes before the answer begins. Connections that are known to be closed are not
    used, so this one was closed just when it was used again, and the request most
    likely did not arrive. If it did, no harm is done: searching twice changes nothing,
    and putting or deleting an image twice has the same result as once. (Only the second
    delete may report that there is no such image.)

    Nothing else is repeated: if the connection is refused, it is better to report at
    once that the service is down.

    Args:
        url: The service's address.
    """

    def __init__(self, url: httpx2.URL) -> None:
        self._url = url
        # Without TLS, no certificates: reading the system's takes more than 20 ms.
        tls = None if url.scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._transport = httpx2.AsyncHTTPTransport(verify=tls or True, limits=_LIMITS)

    @asynccontextmanager
    async def exchange(
        self, method: str, target: bytes, headers: Headers, body: Body
    ) -> AsyncIterator[httpx2.Response]:
        """Send a request and yield its answer as soon as that begins.

        Args:
            method: The method, such as GET.
            target: The path and query.
            headers: The headers as they are sent, including the framing of the body.
            body: Sent before an answer is read.

        Raises:
            httpx2.HTTPError: If the service can't be reached, or breaks off. Errors of
                `body` are raised unchanged.
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
    """Don't count the time of the block."""
    left_s = limit.deadline - anyio.current_time()
    limit.deadline = math.inf
    try:
        yield
    finally:
        limit.deadline = anyio.current_time() + left_s


async def whole(response: httpx2.Response, *, max_bytes: int) -> bytes:
    """Return the body of an answer.

    Raises:
        httpx2.HTTPError: If it is incomplete, or larger than ``max_bytes``.
    """
    body = bytearray()
    async for piece in response.aiter_raw():
        body += piece
        if len(body) > max_bytes:
            raise httpx2.ReadError(f"more than {max_bytes} bytes came back")
    return bytes(body)
