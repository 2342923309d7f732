"""One connection to a service elsewhere: one request at a time, then the next."""

import asyncio
from collections.abc import Sequence
from typing import TypeAlias

import h11

Headers: TypeAlias = Sequence[tuple[bytes, bytes]]

_CONNECT_S = 2.0  # a machine that is there answers in one, even if one packet is lost
_UNREAD = 2**18  # bytes received ahead of whoever reads


class NoConnectionError(ConnectionError):
    """Nobody took up the connection in time."""


class BrokenAnswerError(ConnectionError):
    """What came back is no HTTP, or ended before it was complete."""


class Connection(asyncio.Protocol):
    """Sends requests and receives answers over HTTP/1.1.

    Attributes:
        was_used: Whether it has carried a request before the one it carries now.
        has_heard: Whether a byte of an answer to this request has come.
    """

    def __init__(self) -> None:
        self.was_used = False
        self.has_heard = False
        self._http = h11.Connection(h11.CLIENT)
        self._transport: asyncio.Transport | None = None
        self._is_idle = False
        self._is_lost = False
        self._error: Exception | None = None
        self._unread = 0
        self._readable: asyncio.Future[None] | None = None
        self._writable: asyncio.Future[None] | None = None

    @classmethod
    async def open(
        cls, host: str, port: int, *, tls: bool, within_s: float
    ) -> "Connection":
        """Connect, within two seconds or less.

        Raises:
            OSError: If nobody answers there.
        """
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(min(_CONNECT_S, within_s)):
                _, connection = await loop.create_connection(
                    cls,
                    host,
                    port,
                    ssl=tls or None,
                    happy_eyeballs_delay=0.25,  # as RFC 8305 recommends
                )
        except TimeoutError as error:
            raise NoConnectionError from error
        return connection

    @property
    def is_open(self) -> bool:
        """Whether the next request may be sent."""
        return not self._is_lost

    def send(self, *events: h11.Event) -> None:
        """Send the next pieces of a request; what is lost shows when reading."""
        pieces: list[bytes] = []
        for event in events:
            pieces += self._http.send_with_data_passthrough(event) or ()
        if pieces and self._transport is not None and not self._is_lost:
            self._transport.writelines(pieces)

    async def drain(self) -> None:
        """Wait until there is room for more."""
        if self._writable is not None:
            await self._writable

    async def event(self) -> h11.Event | type[h11.PAUSED]:
        """Return the next piece of the answer.

        Raises:
            BrokenAnswerError: If it is no HTTP, or is cut short.
            OSError: If the connection breaks.
        """
        while True:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError as error:
                why = str(error) if self.has_heard else "it closed the connection"
                raise BrokenAnswerError(why) from error
            if not isinstance(event, type) or event is h11.PAUSED:
                return event
            if self._error is not None:  # else the end of all reads as the answer's end
                raise self._error
            await self._more()

    def finish(self) -> bool:
        """Make ready for the next request; return whether there can be one."""
        if self._is_lost or self._http.our_state is not h11.DONE:
            return False
        if self._http.their_state is not h11.DONE or self._http.trailing_data[0]:
            return False
        self._http.start_next_cycle()
        self._is_idle, self.was_used, self.has_heard = True, True, False
        return True

    def begin(self) -> None:
        """Leave off being idle."""
        self._is_idle = False

    def abort(self) -> None:
        """Cut the connection; whoever reads notices."""
        self._is_lost = True
        self._error = self._error or BrokenAnswerError("it was cut")
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 -- for mypy
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        if self._is_idle:  # an answer to nothing must not pass for the next one's
            self.abort()
            return
        self.has_heard = True
        self._http.receive_data(data)
        self._unread += len(data)
        if self._unread > _UNREAD and self._transport is not None:
            self._transport.pause_reading()
        _wake(self._readable)

    def eof_received(self) -> None:
        """See `asyncio.Protocol`: the connection is closed from this side, too."""
        self._ended(None)

    def connection_lost(self, error: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self._ended(error)
        _wake(self._writable)

    def pause_writing(self) -> None:
        """See `asyncio.Protocol`."""
        self._writable = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        """See `asyncio.Protocol`."""
        _wake(self._writable)
        self._writable = None

    def _ended(self, error: Exception | None) -> None:
        self._is_lost = True
        self._error = self._error or error
        if self._error is None:
            self._http.receive_data(b"")
        _wake(self._readable)

    async def _more(self) -> None:
        if self._unread > _UNREAD and self._transport is not None:
            self._transport.resume_reading()
        self._unread = 0
        self._readable = asyncio.get_running_loop().create_future()
        try:
            await self._readable
        finally:
            self._readable = None


def _wake(waiter: "asyncio.Future[None] | None") -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)
