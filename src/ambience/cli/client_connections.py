"""Closes connections of clients that are too slow, and limits their number.

By itself, uvicorn waits forever for the rest of a request, and accepts connections
until there is no file descriptor left. Here the head of a request, the next piece of
its body and the reading of its answer have time limits, and connections are limited.
"""

import sys
from http import HTTPStatus
from typing import Any, TypeAlias

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from ambience.core.settings import ServerSettings
from ambience.web.problems import problem
from ambience.web.refusal import Refusal

_KIBI = 2**10
_RETRY_S = 1  # connections end every second
_MAX_PAUSE_S = 1.0  # a longer pause between two checks is our fault, not the client's
_SLOW_S = 1.0  # on a healthy network, no client makes us wait longer in total

Event: TypeAlias = Any
"""What h11 parses from bytes; its own type is a class of sentinels."""


class LimitedConfig(uvicorn.Config):
    """uvicorn's configuration with limits for clients.

    Args:
        app: The ASGI application.
        limits: See `ServerSettings`.
        **others: See `uvicorn.Config`.
    """

    def __init__(self, app: Any, *, limits: ServerSettings, **others: Any) -> None:
        super().__init__(
            app,
            http=ClientConnection,
            ws="none",
            # Connections accepted at a time, before the first is counted.
            backlog=128,
            h11_max_incomplete_event_size=limits.max_header_kib * _KIBI,
            **others,
        )
        self.limits = limits
        # Connections without the head of a request, longest first.
        self.silent: dict[ClientConnection, None] = {}


class ClientConnection(H11Protocol):
    """A client's connection, closed if the client is slow or another needs the place.

    Args:
        config: Has the limits.
        *others: See `H11Protocol`.
        **more: See `H11Protocol`.
    """

    def __init__(self, config: LimitedConfig, *others: Any, **more: Any) -> None:
        super().__init__(config, *others, **more)
        self._limits = config.limits
        self._silent = config.silent
        self.conn = _Requests(config.limits.max_header_kib * _KIBI)
        self._request: object = None  # the request that the numbers below are about
        self.waited_s = 0.0  # for the client, in total
        self._idle_s = 0.0  # since the last piece of a body
        self._received = 0  # bytes of the body
        self._unread = 0  # bytes of an answer at the last check
        self._unread_s = 0.0  # since the client last read some

    # -- what uvicorn calls ----------------------------------------------------------

    def connection_made(self, transport: Any) -> None:
        """Accept a client, closing another if there are too many."""
        super().connection_made(transport)
        if len(self.connections) > self._limits.max_connections:
            self._take_place()
        self._note_silence()

    def connection_lost(self, exc: Exception | None) -> None:
        """See `H11Protocol`."""
        self._silent.pop(self, None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """See `H11Protocol`."""
        self._idle_s = 0.0
        self._received += len(data)
        super().data_received(data)
        self._note_silence()

    def on_response_complete(self) -> None:
        """See `H11Protocol`."""
        super().on_response_complete()
        self._note_silence()

    def send_400_response(self, msg: str) -> None:
        """Answer an invalid request; h11's error is being handled."""
        error = sys.exc_info()[1]
        status = getattr(error, "error_status_hint", HTTPStatus.BAD_REQUEST)
        if status == HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE:
            size = self._limits.max_header_kib
            msg = f"the head of the request has more than {size} KiB: send less"
        else:
            msg = f"this is not a valid HTTP request: {error}"
        self._refuse(status, msg)

    # -- the limits ------------------------------------------------------------------

    def check(self, passed_s: float) -> None:
        """Close the connection if the client makes us wait too long.

        Args:
            passed_s: Seconds since the last check.
        """
        passed_s = min(passed_s, _MAX_PAUSE_S)
        if self._has_stopped_reading(passed_s):
            self.transport.abort()
            return
        if self.transport.is_closing():
            return
        limits, state = self._limits, self.conn.their_state
        request = None if state is h11.IDLE else self.cycle
        if request is not self._request:
            self._request = request
            self.waited_s = self._idle_s = 0.0
            self._received = 0
        if state is h11.IDLE:
            self.waited_s += passed_s
            if self.waited_s > limits.header_timeout_s:
                self._end_silence()
        elif state is h11.SEND_BODY and not self._is_held_up():
            self.waited_s += passed_s
            self._idle_s += passed_s
            if self._idle_s > limits.body_idle_timeout_s or self._is_slow():
                self._refuse(
                    HTTPStatus.REQUEST_TIMEOUT,
                    "the body of the request came too slowly: send it again over a "
                    "faster connection, or raise server.body_idle_timeout_s",
                )

    def _note_silence(self) -> None:
        """Note whether the connection waits for the head of a request."""
        if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
            self._silent.setdefault(self)
        else:
            self._silent.pop(self, None)

    def _has_stopped_reading(self, passed_s: float) -> bool:
        """Return whether the client has stopped reading its answer."""
        unread = self.transport.get_write_buffer_size()
        stuck = 0 < self._unread <= unread
        self._unread_s = self._unread_s + passed_s if stuck else 0.0
        self.waited_s += passed_s if stuck else 0.0
        self._unread = unread
        return self._unread_s > self._limits.answer_idle_timeout_s

    def _is_held_up(self) -> bool:
        """Return whether it is us who are not reading the body now."""
        cycle = self.cycle
        return self.flow.read_paused or (
            cycle.waiting_for_100_continue and not cycle.response_complete
        )

    def _is_slow(self) -> bool:
        least = self._limits.min_body_kib_per_s * _KIBI * self.waited_s
        return (
            self.waited_s > self._limits.body_idle_timeout_s and self._received < least
        )

    def _end_silence(self) -> None:
        if self.conn.trailing_data[0]:
            self._refuse(
                HTTPStatus.REQUEST_TIMEOUT,
                "the head of the request took longer than "
                f"{self._limits.header_timeout_s:g} s: send it again",
            )
        else:
            self.transport.close()

    def _take_place(self) -> None:
        """Close the connection that was silent for longest, or else refuse this one.

        So clients that send requests are served, however many connections are idle.
        """
        oldest = next(iter(self._silent), None)
        if oldest is None:
            slowest = max(self._others(), key=lambda other: other.waited_s)
            oldest = slowest if slowest.waited_s > _SLOW_S else None
        if oldest is None:
            self.app = _overloaded
            return
        self._silent.pop(oldest, None)
        self.connections.discard(oldest)
        oldest.transport.abort()

    def _others(self) -> "list[ClientConnection]":
        return [
            other
            for other in self.connections
            if isinstance(other, ClientConnection) and other is not self
        ]

    def _refuse(self, status: int, detail: str) -> None:
        """Answer with a problem unless an answer has begun, and close."""
        cycle = self.cycle
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.abort()
        else:
            answer = problem(status, detail)
            fields = [
                *self.server_state.default_headers,
                *answer.raw_headers,
                (b"connection", b"close"),
            ]
            title = HTTPStatus(status).phrase.encode()
            head = [b"HTTP/1.1 %d " % status + title]
            head += [name + b": " + value for name, value in fields]
            self.transport.write(b"\r\n".join([*head, b"", bytes(answer.body)]))
            self.transport.close()
        if cycle is not None:  # tells whoever waits for the rest that none comes
            cycle.disconnected = True
            cycle.message_event.set()


class _Requests(h11.Connection):
    """Parses requests, and refuses those whose end is ambiguous.

    Args:
        max_bytes: The largest size of a head.
    """

    def __init__(self, max_bytes: int) -> None:
        super().__init__(h11.SERVER, max_bytes)
        self._max_bytes = max_bytes

    def next_event(self) -> Event:
        """See `h11.Connection.next_event`."""
        event = super().next_event()
        return self._checked(event) if isinstance(event, h11.Request) else event

    def _checked(self, request: h11.Request) -> h11.Request:
        names = [name for name, _ in request.headers]
        if sum(len(name) + len(value) for name, value in request.headers) + len(
            request.target
        ) > (self._max_bytes):
            raise h11.RemoteProtocolError(
                "the head is too long",
                error_status_hint=HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
            )
        if b"transfer-encoding" in names and b"content-length" in names:
            raise h11.RemoteProtocolError(
                "it has both Content-Length and Transfer-Encoding"
            )
        if b"transfer-encoding" in names and request.http_version < b"1.1":
            raise h11.RemoteProtocolError("HTTP/1.0 has no Transfer-Encoding")
        if request.target.startswith(b"/") or request.target == b"*":
            return request
        return _in_origin_form(request)


def _in_origin_form(request: h11.Request) -> h11.Request:
    """Convert a request for a whole address to one for its path (RFC 9112, 3.2.2)."""
    scheme, _, rest = request.target.partition(b"://")
    if scheme.lower() not in (b"http", b"https") or request.method == b"CONNECT":
        raise h11.RemoteProtocolError("its target is not a path")
    host = rest.partition(b"/")[0].partition(b"?")[0]
    target = rest[len(host) :]
    others = [pair for pair in request.headers if pair[0] != b"host"]
    return h11.Request(
        method=request.method,
        headers=[(b"host", host), *others],
        target=target if target.startswith(b"/") else b"/" + target,
        http_version=request.http_version,
    )


_overloaded = Refusal(
    HTTPStatus.SERVICE_UNAVAILABLE,
    "the server has too many connections: try again in a moment",
    headers={"Retry-After": str(_RETRY_S)},
)
