"""Refuses request bodies that are too large while they arrive."""

import contextlib
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ambience.web.refusal import Refusal

_FORM_BYTES = 2**16  # what a multipart form adds around its file
_OTHER_BYTES = 2**20  # for bodies without files, which are held in memory
_WITH_FILES = b"multipart/form-data"


class UploadLimit:
    """ASGI middleware that answers 413 as soon as a body is too large.

    Forms with files are written to a temporary file; other bodies must be small.

    Args:
        app: The application.
        max_bytes: The largest file; a little more is allowed for the form around it.
    """

    def __init__(self, app: ASGIApp, *, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes + _FORM_BYTES
        self._upload_refused = Refusal(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"the upload is larger than the limit of {max_bytes / 2**20:g} MiB: send "
            "a smaller file, or raise limits.max_file_mib",
        )
        self._other_refused = Refusal(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            "a body of this type has at most 1 MiB: send images as multipart/form-data",
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, unless its body is too large."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        if headers.get(b"content-type", b"").lower().startswith(_WITH_FILES):
            max_bytes, refused = self._max_bytes, self._upload_refused
        else:
            max_bytes, refused = _OTHER_BYTES, self._other_refused
        declared = headers.get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > max_bytes:
            await refused(scope, receive, send)
            return
        body = _Body(receive, max_bytes)

        async def answer(message: Message) -> None:
            # Whatever the application answers to a truncated body, 413 is sent instead.
            if not body.too_large:
                await send(message)

        with contextlib.suppress(_TooLargeError):
            await self._app(scope, body.receive, answer)
        if body.too_large:
            await refused(scope, receive, send)


class _TooLargeError(Exception):
    """The body exceeds the limit."""


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
