"""Limits what a client may cost before it has sent all of a request, and after.

uvicorn waits for ever for the rest of a request, and takes connections until there is
no file descriptor left. Here each connection has a time for the head of a request, one
for the next piece of its body, and one to take its answer; and there are only so many.
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
_RETRY_S = 1  # connections end by the second
_MAX_PAUSE_S = 1.0  # longer ones between two looks are ours, not the client's
_SLOW_S = 1.0  # no client of a healthy network is waited for as long between pieces

Event: TypeAlias = Any
"""What h11 makes of bytes; its own type is a class of sentinels."""


class Limited(uvicorn.Config):
    """uvicorn's configuration, with limits for clients.

    Args:
        app: What answers.
        limits: See `ServerSettings`.
        **others: See `uvicorn.Config`.
    """

    def __init__(self, app: Any, *, limits: ServerSettings, **others: Any) -> None:
        super().__init__(
            app,
            http=Connection,
            ws="none",
            # So many are accepted at a time, before the first is counted.
            backlog=128,
            h11_max_incomplete_event_size=limits.max_header_kib * _KIBI,
            **others,
        )
        self.limits = limits
        # Those of which no head has come yet, who waits longest first.
        self.silent: dict[Connection, None] = {}


class Connection(H11Protocol):
    """One client; closed when it lets us wait too long, or takes a place for nothing.

    Args:
        config: With the limits.
        *others: See `H11Protocol`.
        **more: See `H11Protocol`.
    """

    def __init__(self, config: Limited, *others: Any, **more: Any) -> None:
        super().__init__(config, *others, **more)
        self._limits = config.limits
        self._silent = config.silent
        self.conn = _Requests(config.limits.max_header_kib * _KIBI)
        self._request: object = None  # that the numbers below are of
        self.waited_s = 0.0  # for the client, all in all
        self._idle_s = 0.0  # since the last piece of a body
        self._received = 0  # bytes of it
        self._unread = 0  # bytes of an answer, when they were last looked at
        self._unread_s = 0.0  # for which none of them was taken

    # -- what uvicorn calls ----------------------------------------------------------

    def connection_made(self, transport: Any) -> None:
        """Take a client, in the place of another if there are too many."""
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
        """Answer what is no request; h11's error is being handled."""
        error = sys.exc_info()[1]
        status = getattr(error, "error_status_hint", HTTPStatus.BAD_REQUEST)
        if status == HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE:
            size = self._limits.max_header_kib
            msg = f"the head of the request has more than {size} KiB: send less"
        else:
            msg = f"this is no request as HTTP has them: {error}"
        self._refuse(status, msg)

    # -- the limits ------------------------------------------------------------------

    def look(self, passed_s: float) -> None:
        """See whether the client lets us wait too long.

        Args:
            passed_s: Since the last look.
        """
        passed_s = min(passed_s, _MAX_PAUSE_S)
        if self._takes_none(passed_s):
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
        """Stand in the line of those of which no head has come yet, or leave it."""
        if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
            self._silent.setdefault(self)
        else:
            self._silent.pop(self, None)

    def _takes_none(self, passed_s: float) -> bool:
        """Tell whether the client has stopped to take its answer."""
        unread = self.transport.get_write_buffer_size()
        stuck = 0 < self._unread <= unread
        self._unread_s = self._unread_s + passed_s if stuck else 0.0
        self.waited_s += passed_s if stuck else 0.0
        self._unread = unread
        return self._unread_s > self._limits.answer_idle_timeout_s

    def _is_held_up(self) -> bool:
        """Tell whether it is we who don't take the body at the moment."""
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
        """Close the connection that has been silent for longest; else this one waits.

        So whoever sends requests is heard, however many others only hold connections.
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

    def _others(self) -> "list[Connection]":
        return [
            other
            for other in self.connections
            if isinstance(other, Connection) and other is not self
        ]

    def _refuse(self, status: int, detail: str) -> None:
        """Answer with a problem if no answer has begun, and close."""
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
        if cycle is not None:  # whoever waits for the rest learns that none comes
            cycle.disconnected = True
            cycle.message_event.set()


class _Requests(h11.Connection):
    """Reads requests, and refuses those whose end two readers could see differently.

    Args:
        max_bytes: Of a head.
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
                "it says with Content-Length and with Transfer-Encoding where it ends"
            )
        if b"transfer-encoding" in names and request.http_version < b"1.1":
            raise h11.RemoteProtocolError("HTTP/1.0 has no Transfer-Encoding")
        if request.target.startswith(b"/") or request.target == b"*":
            return request
        return _in_origin_form(request)


def _in_origin_form(request: h11.Request) -> h11.Request:
    """Return a request for a whole address as one for its path (RFC 9112, 3.2.2)."""
    scheme, _, rest = request.target.partition(b"://")
    if scheme.lower() not in (b"http", b"https") or request.method == b"CONNECT":
        raise h11.RemoteProtocolError("its target is no path")
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
    "the server has as many connections as it may have: try again in a moment",
    headers={"Retry-After": str(_RETRY_S)},
)
