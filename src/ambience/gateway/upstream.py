"""Carries requests to one address, over connections that are kept for the next ones."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import h11

from ambience.gateway.bodies import Body
from ambience.gateway.connection import BrokenAnswerError, Connection, Headers

_CONNECTIONS = 100  # at once; further requests wait for one of them
_KEPT = 32  # of these, while nobody needs them
_KEPT_S = 4.0  # our servers close an idle connection after 5


class TimeLimit:
    """How long a service may take; stands still while others are waited for."""

    def __init__(self, timeout: asyncio.Timeout) -> None:
        self._timeout = timeout
        self._pauses = 0
        self._left_s = 0.0
        self._is_over = False

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Do not count what is done inside against the service."""
        now = asyncio.get_running_loop().time
        until = self._timeout.when()
        if not self._pauses and until is not None and not self._has_ended():
            self._left_s = until - now()
            self._timeout.reschedule(None)
        self._pauses += 1
        try:
            yield
        finally:
            self._pauses -= 1
            if not self._pauses and not self._has_ended():
                self._timeout.reschedule(now() + self._left_s)

    def end(self) -> None:
        """Count no more."""
        self._is_over = True

    def _has_ended(self) -> bool:
        return self._is_over or self._timeout.expired()


class Reply:
    """An answer on its way.

    Attributes:
        status: The HTTP status.
        headers: By lower-case name.
        limit: Counts the service's time.
    """

    def __init__(
        self, response: h11.Response, exchange: "_Exchange", limit: TimeLimit
    ) -> None:
        self.status = response.status_code
        self.headers: Headers = list(response.headers)
        self.limit = limit
        self._exchange = exchange

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes.

        Raises:
            OSError: If it is cut short.
        """
        while isinstance(event := await self._exchange.event(), h11.Data):
            yield bytes(event.data)

    async def whole(self, *, max_bytes: int) -> bytes:
        """Return the body.

        Raises:
            OSError: If it is cut short, or larger than that.
        """
        pieces, size = [], 0
        async for piece in self.pieces():
            pieces.append(piece)
            size += len(piece)
            if size > max_bytes:
                raise BrokenAnswerError(f"more than {max_bytes} bytes came back")
        return b"".join(pieces)


class Upstream:
    """One address, reached over HTTP/1.1, from one event loop.

    A request is repeated in one case only: on a connection that was kept from before,
    which closed before a byte of an answer came. The service, or what is between, has
    then most likely given up the idle connection just when it was used again, and the
    request never got there. Should it have got there after all, no harm is done: to
    search twice changes nothing, and to put or delete an image twice is to do it once.
    (Who deletes may then be told that there is no such image.)

    Nothing else is repeated. After the first byte of an answer the request was
    understood; and one that nobody accepts is better answered at once: the service is
    down.

    Args:
        host: Name or address.
        port: Of it.
        tls: Whether to speak HTTPS.
        timeout_s: How long one request may take, but for the time spent waiting for
            whoever sends its body or reads its answer.
    """

    def __init__(self, host: str, port: int, *, tls: bool, timeout_s: float) -> None:
        self._host = host
        self._port = port
        self._tls = tls
        self._timeout_s = timeout_s
        self._room = asyncio.Semaphore(_CONNECTIONS)
        self._kept: dict[Connection, asyncio.TimerHandle] = {}

    @asynccontextmanager
    async def exchange(
        self,
        method: str,
        target: bytes,
        headers: Headers,
        body: Body,
        *,
        timeout_s: float | None = None,
    ) -> AsyncIterator[Reply]:
        """Send a request and give its answer, as soon as that begins.

        Args:
            method: Such as GET.
            target: Path and query.
            headers: As they are sent, with how the body is framed.
            body: Sent while the answer is waited for, which may come before its end.
            timeout_s: How long it may take, if less than usual.

        Raises:
            OSError: If the service can't be reached, breaks off or takes too long
                (`TimeoutError`). What `body` raises is raised as it is.
        """
        within_s = min(self._timeout_s, timeout_s or self._timeout_s)
        request = h11.Request(method=method, target=target, headers=list(headers))
        async with asyncio.timeout(within_s) as timeout:
            limit = TimeLimit(timeout)
            try:
                async with self._room:
                    exchange, response = await self._begun(
                        request, body, limit, within_s
                    )
                    try:
                        yield Reply(response, exchange, limit)
                    finally:
                        self._keep(exchange.ended())
            finally:
                limit.end()

    def close(self) -> None:
        """Close what is kept."""
        for connection, timer in self._kept.items():
            timer.cancel()
            connection.abort()
        self._kept.clear()

    async def _begun(
        self, request: h11.Request, body: Body, limit: TimeLimit, within_s: float
    ) -> "tuple[_Exchange, h11.Response]":
        while True:
            connection = self._idle() or await Connection.open(
                self._host, self._port, tls=self._tls, within_s=within_s
            )
            exchange = _Exchange(connection, request, body, limit)
            try:
                return exchange, await exchange.response()
            except BaseException as error:
                exchange.ended()
                connection.abort()
                was_stale = connection.was_used and not connection.has_heard
                if not (was_stale and isinstance(error, ConnectionError)):
                    raise
                if not body.rewind():
                    raise

    def _idle(self) -> Connection | None:
        while self._kept:
            connection, timer = self._kept.popitem()
            timer.cancel()
            if connection.is_open:
                connection.begin()
                return connection
        return None

    def _keep(self, connection: Connection) -> None:
        if len(self._kept) < _KEPT and connection.finish():
            loop = asyncio.get_running_loop()
            timer = loop.call_later(_KEPT_S, self._drop, connection)
            self._kept[connection] = timer
        else:
            connection.abort()

    def _drop(self, connection: Connection) -> None:
        del self._kept[connection]
        connection.abort()


class _Exchange:
    """One request and its answer; the body is sent by a task of its own meanwhile."""

    def __init__(
        self,
        connection: Connection,
        request: h11.Request,
        body: Body,
        limit: TimeLimit,
    ) -> None:
        self._connection = connection
        self._failure: Exception | None = None
        self._sender = asyncio.create_task(self._send(request, body, limit))

    async def response(self) -> h11.Response:
        """Return how the answer begins."""
        while isinstance(event := await self.event(), h11.InformationalResponse):
            pass
        assert isinstance(event, h11.Response)  # noqa: S101 -- nothing else comes first
        return event

    async def event(self) -> h11.Event | type[h11.PAUSED]:
        """Return the next piece of the answer; what the body raised, if that failed."""
        try:
            return await self._connection.event()
        except OSError:
            if self._failure is not None:
                raise self._failure from None
            raise

    def ended(self) -> Connection:
        """End the sending, and return the connection."""
        self._sender.cancel()
        return self._connection

    async def _send(self, request: h11.Request, body: Body, limit: TimeLimit) -> None:
        head = [
            request
        ]  # goes with the first piece, as one packet where both are short
        try:
            while True:
                with limit.paused():
                    piece = await body.piece()
                if not piece:
                    break
                # Any bytes will do, whatever the annotation says.
                data = h11.Data(data=piece)  # type: ignore[arg-type]
                self._connection.send(*head, data)
                head = []
                await self._connection.drain()
            self._connection.send(*head, h11.EndOfMessage())
            await body.no_longer_needed()
        except Exception as error:  # noqa: BLE001 -- raised by whoever reads the answer
            self._failure = error
            self._connection.abort()
