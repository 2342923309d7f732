"""Serves the page and its files, and says how far an import is."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import JSONResponse

from ambience.ingest import Progress
from ambience.web.addresses import API

_FOLDER = Path(__file__).with_name("static")
_PAGE = "index.html"
_KINDS = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

_HEADERS = {
    # Nothing from elsewhere is loaded, run, sent or framed; blob: shows the query.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; "
        "img-src 'self' blob: data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    # Kept, but asked about each time: after an upgrade nobody sees half of each.
    "Cache-Control": "no-cache",
}


@dataclass(frozen=True, slots=True)
class _File:
    data: bytes
    kind: str
    etag: str


def pages(progress: Callable[[], Progress | None]) -> APIRouter:
    """Return the routes of the gallery.

    Args:
        progress: Says how far the import under way is, ``None`` when there is none.
    """
    router = APIRouter(tags=["gallery"])
    files = _files()

    @router.get("/", include_in_schema=False)
    def page(request: Request) -> Response:
        return _sent(files[_PAGE], request)

    @router.get("/gallery/{name}", include_in_schema=False)
    def file(name: str, request: Request) -> Response:
        if name not in files:
            raise HTTPException(
                HTTPStatus.NOT_FOUND, f"the gallery has no file {name!r}"
            )
        return _sent(files[name], request)

    @router.get(f"{API}/import_progress")
    def import_progress() -> JSONResponse:
        """Say how far the import under way is; done and total are files."""
        now = progress()
        if now is None:
            return JSONResponse({"running": False, "done": 0, "total": 0})
        return JSONResponse({"running": True, "done": now.done, "total": now.total})

    return router


def _files() -> Mapping[str, _File]:
    """Read the page's files, by name: all that can be asked for, and they are few."""
    read = {
        path.name: (path.read_bytes(), _KINDS[path.suffix])
        for path in sorted(_FOLDER.iterdir())
        if path.suffix in _KINDS
    }
    return {
        name: _File(data, kind, f'"{hashlib.sha256(data).hexdigest()[:32]}"')
        for name, (data, kind) in read.items()
    }


def _sent(file: _File, request: Request) -> Response:
    headers = {**_HEADERS, "ETag": file.etag}
    known = request.headers.get("if-none-match", "").split(",")
    if file.etag in [etag.strip().removeprefix("W/") for etag in known]:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(file.data, media_type=file.kind, headers=headers)
