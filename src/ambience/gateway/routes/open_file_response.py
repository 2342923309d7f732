"""Sends an open file, or the part of it that is requested."""

import os
import re
from collections.abc import AsyncIterator, Mapping
from email.utils import formatdate
from http import HTTPStatus
from typing import BinaryIO

from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool
from starlette.types import Receive, Scope, Send

from ambience.web.problems import problem

_CHUNK_BYTES = 2**18

# One range of bytes (RFC 9110, section 14.1.2). A server may ignore several ranges, and
# anything that is not a range.
_RANGE = re.compile(
    r"\s*bytes\s*=\s*(?:(\d{1,18})-(\d{0,18})|-(\d{1,18}))\s*", re.IGNORECASE
)


def open_file_response(
    file: BinaryIO, request: Request, *, media_type: str, headers: Mapping[str, str]
) -> Response:
    """Return an answer that sends a file, and closes it.

    Args:
        file: The file; it is not opened again by name.
        request: Says which part of it is wanted.
        media_type: The media type of the file.
        headers: The headers of the answer, including an ``ETag``.
    """
    status = os.fstat(file.fileno())
    size = status.st_size
    sent = {
        **headers,
        "Accept-Ranges": "bytes",
        "Last-Modified": formatdate(status.st_mtime, usegmt=True),
    }
    part = _asked(request, sent, size)
    if part is None:
        return _OpenFileResponse(file, range(size), media_type, sent)
    if not part:
        file.close()
        answer = problem(
            HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
            f"Range: the file has {size} bytes: request a part within them",
        )
        answer.headers["Content-Range"] = f"bytes */{size}"
        return answer
    sent["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{size}"
    return _OpenFileResponse(
        file, part, media_type, sent, status_code=HTTPStatus.PARTIAL_CONTENT
    )


def _asked(request: Request, sent: Mapping[str, str], size: int) -> range | None:
    """Return the bytes that are requested; ``None`` for the whole file.

    A range outside of the file is empty.
    """
    condition = request.headers.get("if-range")
    if condition is not None and condition not in (sent["ETag"], sent["Last-Modified"]):
        return None  # the client has a part of another version
    found = _RANGE.fullmatch(request.headers.get("range", ""))
    if found is None:
        return None
    first, last, suffix = found.groups()
    if suffix is not None:
        return range(max(0, size - int(suffix)), size)
    if last and int(last) < int(first):
        return None
    return range(int(first), min(int(last or size) + 1, size))


class _OpenFileResponse(StreamingResponse):
    """A part of an open file, which is closed whatever happens to the answer."""

    def __init__(
        self,
        file: BinaryIO,
        part: range,
        media_type: str,
        headers: Mapping[str, str],
        *,
        status_code: int = HTTPStatus.OK,
    ) -> None:
        self._file = file
        self._part = part
        super().__init__(
            self._chunks(),
            status_code=status_code,
            headers={**headers, "Content-Length": str(len(part))},
            media_type=media_type,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the part, and close the file."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._file.close()

    async def _chunks(self) -> AsyncIterator[bytes]:
        self._file.seek(self._part.start)
        left = len(self._part)
        while left:
            chunk = await run_in_threadpool(self._file.read, min(left, _CHUNK_BYTES))
            if not chunk:
                raise OSError("the file was truncated while it was sent")
            left -= len(chunk)
            yield chunk
