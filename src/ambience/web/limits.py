"""Refuses request bodies that are too large, while they arrive."""

import contextlib
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ambience.web.refusal import Refusal

_FORM_BYTES = 2**16  # what a multipart form adds around its file


class UploadLimit:
    """ASGI middleware that ends a request with 413 once its body is too large.

    Args:
        app: What it guards.
        max_bytes: Of a file; a little more is allowed for the form around it.
    """

    def __init__(self, app: ASGIApp, *, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes + _FORM_BYTES
        self._refuse = Refusal(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"the upload is larger than the limit of {max_bytes / 2**20:g} MiB: send "
            "a smaller file, or raise limits.max_file_mib",
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
