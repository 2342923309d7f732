"""Sends files, whole or in part."""

from http import HTTPStatus

from fastapi.responses import FileResponse, Response
from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope, Send

from ambience.web.problems import problem

_REFUSED = {
    HTTPStatus.BAD_REQUEST: "Range: ask for bytes=first-last, such as bytes=0-99",
    HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE: "Range: the file ends before that",
}


class FileAnswer(FileResponse):
    """A file; a part of it that can't be sent is a problem like others.

    A unit other than bytes is one that we don't know, so all of it is sent (RFC 9110,
    14.2).
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        unit = Headers(scope=scope).get("range", "bytes").partition("=")[0]
        if unit.strip().lower() != "bytes":
            headers = [pair for pair in scope["headers"] if pair[0] != b"range"]
            scope = {**scope, "headers": headers}
        refused = False

        async def answer(message: Message) -> None:
            nonlocal refused
            if message.get("status") in _REFUSED:
                refused = True
                await self._refuse(message)(scope, receive, send)
            elif not refused:
                await send(message)

        await super().__call__(scope, receive, answer)

    def _refuse(self, start: Message) -> Response:
        response = problem(start["status"], _REFUSED[start["status"]])
        size = self.headers.get("content-length")
        if size is not None:
            response.headers["Content-Range"] = f"bytes */{size}"
        return response
