"""Refuses request bodies that are too large, while they arrive."""

import asyncio
import contextlib
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ambience.web.problems import problem

_FORM_BYTES = 2**16  # what a multipart form adds around its file
_LINGER_S = 5.0  # as long as nginx waits for a client to hear that it is refused


class UploadLimit:
    """ASGI middleware that ends a request with 413 once its body is too large.

    Args:
        app: What it guards.
        max_bytes: Of a file; a little more is allowed for the form around it.
    """

    def __init__(self, app: ASGIApp, *, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes + _FORM_BYTES
        self._sentence = (
            f"the upload is larger than the limit of {max_bytes / 2**20:g} MiB: send "
            "a smaller file, or raise limits.max_file_mib"
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, unless its body is too large."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > self._max_bytes:
            await self._refuse(scope, receive, send)
            return
        body = _Body(receive, self._max_bytes)

        async def answer(message: Message) -> None:
            # Whatever the application makes of a body cut short, 413 is said instead.
            if not body.too_large:
                await send(message)

        with contextlib.suppress(_TooLargeError):
            await self._app(scope, body.receive, answer)
        if body.too_large:
            await self._refuse(scope, receive, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, self._sentence)
        response.headers["connection"] = "close"

        async def send_and_wait(message: Message) -> None:
            if message["type"] == "http.response.body":
                await send({**message, "more_body": True})
                await _let_go(scope, receive)
                message = {"type": "http.response.body"}
            await send(message)

        await response(scope, receive, send_and_wait)


async def _let_go(scope: Scope, receive: Receive) -> None:
    """Let a body pass for a while: a client cut off while sending sees no answer."""
    if b"expect" in dict(scope["headers"]):  # it has not begun, and will not
        return
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LINGER_S):
            while (await receive()).get("more_body", False):
                pass


class _TooLargeError(Exception):
    """The body went over the limit."""


class _Body:
    """Counts the bytes of a body as they are received."""

    def __init__(self, receive: Receive, max_bytes: int) -> None:
        self._receive = receive
        self._left = max_bytes

    @property
    def too_large(self) -> bool:
        return self._left < 0

    async def receive(self) -> Message:
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        if self.too_large:
            raise _TooLargeError
        return message
