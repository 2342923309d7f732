"""Converts errors to RFC 9457 problem documents, with a status and a sentence."""

import errno
import logging
import tempfile
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.routing import Match

from ambience.core import errors
from ambience.core.file_descriptors import NO_DESCRIPTORS, is_shortage
from ambience.web.addresses import API
from ambience.web.wire import PROBLEM_TYPE

STATUS: dict[type[errors.AmbienceError], int] = {
    errors.NotAnImageError: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    errors.UnsupportedImageError: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    errors.TruncatedImageError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.TooLargeError: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.TooSlowError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.BadParameterError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.BadInputError: HTTPStatus.BAD_REQUEST,
    errors.NotFoundError: HTTPStatus.NOT_FOUND,
    errors.StoredDataError: HTTPStatus.INSUFFICIENT_STORAGE,
    errors.SpecMismatchError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.CorruptDataError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.UnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.BusyError: HTTPStatus.CONFLICT,
    errors.FetchError: HTTPStatus.BAD_GATEWAY,
}

_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS})

_METHODS = ("DELETE", "GET", "PATCH", "POST", "PUT")

_log = logging.getLogger(__name__)


class Problem(BaseModel):
    """Why a request was not carried out.

    Attributes:
        title: The kind of problem.
        status: The HTTP status.
        detail: What is wrong, and what to do.
    """

    title: str
    status: int
    detail: str


def status_of(error: Exception) -> int:
    """Return the HTTP status for an error."""
    for kind in type(error).__mro__:
        if kind in STATUS:
            return STATUS[kind]
    if isinstance(error, OSError) and error.errno in _NO_SPACE:
        return HTTPStatus.INSUFFICIENT_STORAGE
    if is_shortage(error):
        return HTTPStatus.SERVICE_UNAVAILABLE
    return HTTPStatus.INTERNAL_SERVER_ERROR


def problem(status: int, detail: str) -> JSONResponse:
    """Return a problem document."""
    title = HTTPStatus(status).phrase
    body = Problem(title=title, status=status, detail=detail)
    return JSONResponse(body.model_dump(), status_code=status, media_type=PROBLEM_TYPE)


def handle_problems(app: FastAPI) -> None:
    """Make an application answer errors with problem documents."""
    app.add_exception_handler(errors.AmbienceError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    # Separately, because after the handler for Exception the connection is closed.
    app.add_exception_handler(OSError, _unexpected)
    app.add_exception_handler(Exception, _unexpected)


async def _ours(_: Request, error: Exception) -> JSONResponse:
    return problem(status_of(error), str(error))


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    found = error.errors() if isinstance(error, RequestValidationError) else []
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "; ".join(map(_wrong, found)))


def _wrong(item: Mapping[str, Any]) -> str:
    if item["type"] == "json_invalid":
        return f"the body is not JSON: {item['ctx']['error']}"
    return f"{'.'.join(map(str, item['loc'][1:] or item['loc']))}: {item['msg']}"


async def _http(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        raise error
    if is_shortage(error.__cause__):  # wrapped by FastAPI as an error of parsing
        return await _unexpected(request, error.__cause__ or error)
    cause = error.__cause__
    if error.status_code == HTTPStatus.BAD_REQUEST and isinstance(cause, OSError):
        return await _unwritable(request, cause)  # which FastAPI reports as a bad form
    match error.status_code:
        case HTTPStatus.NOT_FOUND:
            detail = _nothing_at(request)
        case HTTPStatus.METHOD_NOT_ALLOWED:
            detail = f"{request.url.path} does not take {request.method}: see /docs"
        case _:
            detail = str(error.detail)
    response = problem(error.status_code, detail)
    response.headers.update(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        response.headers["Allow"] = ", ".join(_methods(request))
    return response


def _nothing_at(request: Request) -> str:
    """Say that nothing is at an address, and where it has moved, if it has."""
    path, moved = request.url.path, API + request.url.path
    scope = {**request.scope, "path": moved}
    if any(route.matches(scope)[0] is not Match.NONE for route in request.app.routes):
        return f"there is nothing at {path}: it is at {moved} now"
    return f"there is nothing at {path}: see /docs"


def _methods(request: Request) -> list[str]:
    """Return all methods of a path; the router knows only those of one route."""
    allowed = [
        method
        for method in _METHODS
        if any(
            route.matches({**request.scope, "method": method})[0] is Match.FULL
            for route in request.app.routes
        )
    ]
    return sorted([*allowed, "HEAD"]) if "GET" in allowed else allowed


async def _unwritable(request: Request, error: OSError) -> JSONResponse:
    """Answer if the body of a request can't be written to a temporary file."""
    _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    status = status_of(error)
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:  # still, it concerns the folder
        status = HTTPStatus.INSUFFICIENT_STORAGE
    return problem(
        status,
        "the upload can't be written to the temporary folder "
        f"{tempfile.tempdir or 'of the system'} ({error.strerror or error}): make room "
        "there, or set TMPDIR to another folder",
    )


async def _unexpected(request: Request, error: BaseException) -> JSONResponse:
    if is_shortage(error):
        _log.error("%s %s: %s", request.method, request.url.path, NO_DESCRIPTORS)
        return problem(HTTPStatus.SERVICE_UNAVAILABLE, NO_DESCRIPTORS)
    _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    if isinstance(error, OSError) and error.errno in _NO_SPACE:
        return problem(
            HTTPStatus.INSUFFICIENT_STORAGE,
            "the data folder can't be written: check whether the disk is full or "
            "read-only",
        )
    return problem(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "something went wrong in ambience: see its log",
    )
