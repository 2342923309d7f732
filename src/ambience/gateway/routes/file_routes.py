"""Shows images: the thumbnail, the unchanged file, and a version for the screen."""

import os
from collections.abc import Callable
from http import HTTPStatus
from typing import BinaryIO, TypeAlias
from urllib.parse import quote

from fastapi import APIRouter, Request, Response

from ambience.catalog import ImageRecord
from ambience.core.errors import CorruptDataError, NotFoundError
from ambience.gateway.routes.open_file_response import open_file_response
from ambience.imaging import Format, sniff
from ambience.library.library import Library
from ambience.web.addresses import API
from ambience.web.openapi import problems
from ambience.web.schemas import JSON, ImageIdPath

_VIEW_SIDE = 2048  # pixels: fills a large screen
_HEAD_BYTES = 4096  # enough to recognize the kind of file

# A user's file must never run as a page of ours, whatever it claims to be.
_SAFE = {"Content-Security-Policy": "default-src 'none'; sandbox"}

_Show: TypeAlias = Callable[[ImageRecord, Request], Response]


_BYTES: JSON = {"schema": {"type": "string", "format": "binary"}}
_SENT: dict[int | str, JSON] = {
    HTTPStatus.OK: {"description": "The image.", "content": {"image/*": _BYTES}},
    HTTPStatus.PARTIAL_CONTENT: {
        "description": "The part that `Range` asks for.",
        "content": {"image/*": _BYTES},
    },
    HTTPStatus.NOT_MODIFIED: {"description": "It has not changed: `If-None-Match`."},
}


def file_routes(library: Library) -> APIRouter:
    """Return the routes under ``/api/images/{image_id}`` that send pictures.

    Args:
        library: The library.
    """
    router = APIRouter(
        prefix=f"{API}/images/{{image_id}}",
        tags=["images"],
        responses=problems(
            HTTPStatus.NOT_FOUND,
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
            HTTPStatus.INSUFFICIENT_STORAGE,
        )
        | _SENT,
        default_response_class=Response,
    )
    answers = _Answers(library)

    @router.get("/thumbnail")
    def show_thumbnail(image_id: ImageIdPath, request: Request) -> Response:
        """Show an image, its longest side at most 512 pixels, as WebP."""
        return answers.of(image_id, request, answers.thumbnail)

    @router.get("/file")
    def show_file(image_id: ImageIdPath, request: Request) -> Response:
        """Send the image's file, unchanged."""
        return answers.of(image_id, request, answers.file)

    @router.get("/view")
    def show_view(image_id: ImageIdPath, request: Request) -> Response:
        """Show an image at screen size, in a format that every browser knows."""
        return answers.of(image_id, request, answers.view)

    return router


class _Answers:
    """Answers with pictures of an image."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._renditions = library.components.renditions

    def of(self, image_id: int, request: Request, show: _Show) -> Response:
        """Return a picture of an image, even if it is just being replaced."""
        record = self._library.image(image_id).record
        try:
            return show(record, request)
        except (NotFoundError, CorruptDataError):
            now = self._library.image(image_id).record
            if now == record:
                raise
            return show(now, request)

    def thumbnail(self, record: ImageRecord, request: Request) -> Response:
        headers = _headers(record, "thumbnail")
        if _has(request, headers["ETag"]):
            return _not_modified(headers)
        data = self._renditions.thumbnail(record)
        return Response(data, media_type="image/webp", headers=headers)

    def file(self, record: ImageRecord, request: Request) -> Response:
        headers = _headers(record)
        if record.path is not None:
            headers["Content-Disposition"] = _named(record.path.name)
        return _sent(self._renditions.open(record), request, headers)

    def view(self, record: ImageRecord, request: Request) -> Response:
        fits = max(record.size) <= _VIEW_SIDE
        if fits and Format(record.format).in_browsers:
            return _sent(self._renditions.open(record), request, _headers(record))
        headers = _headers(record, "view")
        if _has(request, headers["ETag"]):
            return _not_modified(headers)
        data = self._renditions.rendition(record, longest_side=_VIEW_SIDE)
        return Response(data, media_type=sniff(data).media_type, headers=headers)


def _sent(file: BinaryIO, request: Request, headers: dict[str, str]) -> Response:
    """Return an answer that sends an image's file."""
    try:
        kind = sniff(file.read(_HEAD_BYTES))
    except BaseException:
        file.close()
        raise
    if _has(request, headers["ETag"]):
        file.close()
        return _not_modified(headers)
    return open_file_response(
        file, request, media_type=kind.media_type, headers=headers
    )


def _has(request: Request, tag: str) -> bool:
    """Tell whether a client already has what it asks for."""
    tags = request.headers.get("if-none-match", "").split(",")
    return any(one.strip().removeprefix("W/") in {tag, "*"} for one in tags)


def _not_modified(headers: dict[str, str]) -> Response:
    return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)


def _named(name: str) -> str:
    """Return the header with the name under which to save a file."""
    quoted = quote(os.fsencode(name))  # a name may not be valid text
    if quoted == name:
        return f'inline; filename="{name}"'
    return f"inline; filename*=utf-8''{quoted}"


def _headers(record: ImageRecord, made: str = "") -> dict[str, str]:
    """Return the headers of every answer.

    Args:
        record: The image.
        made: What was made from its file; empty if that is sent unchanged.
    """
    tag = "-".join(filter(None, (record.sha256.hex(), made)))
    return {
        **_SAFE,
        "ETag": f'"{tag}"',
        "Cache-Control": "private, no-cache",  # keep it, but ask whether it changed
    }
