"""Shows images: the thumbnail, the file as it is, and a version for the screen."""

from http import HTTPStatus

from fastapi import APIRouter, Request, Response

from ambience.catalog import ImageRecord
from ambience.core.features import ImageId
from ambience.gateway.files import file_of
from ambience.gateway.parts import Parts
from ambience.gateway.schemas import image_answer
from ambience.imaging import Format, ImageFile, rendition, sniff, thumbnail
from ambience.web.file_answers import FileAnswer
from ambience.web.openapi import problems
from ambience.web.schemas import JSON, ImageIdPath

_VIEW_SIDE = 2048  # pixels: fills a large screen

# A file of the user's must never run as a page of ours, whatever its bytes pretend.
_SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
}


_BYTES: JSON = {"schema": {"type": "string", "format": "binary"}}
_SENT: dict[int | str, JSON] = {
    HTTPStatus.OK: {"description": "The image.", "content": {"image/*": _BYTES}},
    HTTPStatus.PARTIAL_CONTENT: {
        "description": "The part that `Range` asks for, or several.",
        "content": {"image/*": _BYTES, "multipart/byteranges": _BYTES},
    },
    HTTPStatus.NOT_MODIFIED: {"description": "It is as `If-None-Match` knows it."},
}


def file_routes(parts: Parts) -> APIRouter:
    """Return the routes under ``/images/{image_id}`` that send pictures."""
    router = APIRouter(
        prefix="/images/{image_id}",
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
    catalog, originals, limits = parts.catalog, parts.originals, parts.limits

    @router.get("/thumbnail")
    def show_thumbnail(image_id: ImageIdPath, request: Request) -> Response:
        """Show an image, its longest side at most 512 pixels, as WebP."""
        record = catalog.get(ImageId(image_id))
        headers = _headers(record)
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        path = originals.thumbnail_path(record.sha256)
        if not path.exists():
            file = ImageFile(file_of(record, originals).read_bytes(), limits=limits)
            originals.write_thumbnail(record.sha256, thumbnail(file.image))
        return FileAnswer(path, media_type="image/webp", headers=headers)

    @router.get("/file")
    def show_file(image_id: ImageIdPath) -> Response:
        """Send the image's file as it is."""
        record = catalog.get(ImageId(image_id))
        return FileAnswer(
            file_of(record, originals),
            media_type=Format(record.format).media_type,
            headers=_SAFE,
            filename=image_answer(record).name or None,
            content_disposition_type="inline",
        )

    @router.get("/view")
    def show_view(image_id: ImageIdPath) -> Response:
        """Show an image at screen size, in a format that every browser knows."""
        record = catalog.get(ImageId(image_id))
        file = file_of(record, originals)
        kind, headers = Format(record.format), _headers(record)
        if kind.in_browsers and max(record.size) <= _VIEW_SIDE:
            return FileAnswer(file, media_type=kind.media_type, headers=headers)
        shown = rendition(file.read_bytes(), longest_side=_VIEW_SIDE, limits=limits)
        return Response(shown, media_type=sniff(shown).media_type, headers=headers)

    return router


def _headers(record: ImageRecord) -> dict[str, str]:
    return {
        **_SAFE,
        "ETag": f'"{record.sha256.hex()}"',
        "Cache-Control": "private, no-cache",  # keep it, but ask whether it changed
    }
