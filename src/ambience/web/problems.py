"""Errors as RFC 9457 problem documents: one status and one sentence each."""

import errno
import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from ambience.core import errors

MEDIA_TYPE = "application/problem+json"

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


PROBLEMS: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": Problem, "description": "The request can't be carried out."},
    "5XX": {"model": Problem, "description": "The server can't carry it out now."},
}
"""For ``responses=`` of every route, so that the OpenAPI document names them."""


def status_of(error: Exception) -> int:
    """Return the HTTP status for an error."""
    for kind in type(error).__mro__:
        if kind in STATUS:
            return STATUS[kind]
    if isinstance(error, OSError) and error.errno in _NO_SPACE:
        return HTTPStatus.INSUFFICIENT_STORAGE
    return HTTPStatus.INTERNAL_SERVER_ERROR


def problem(status: int, detail: str) -> JSONResponse:
    """Return a problem document."""
    title = HTTPStatus(status).phrase
    body = Problem(title=title, status=status, detail=detail)
    return JSONResponse(body.model_dump(), status_code=status, media_type=MEDIA_TYPE)


def handle_problems(app: FastAPI) -> None:
    """Make an application answer every error with a problem document."""
    app.add_exception_handler(errors.AmbienceError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    # By itself, as the connection is closed after the handler for every Exception.
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
    match error.status_code:
        case HTTPStatus.NOT_FOUND:
            detail = f"there is nothing at {request.url.path}: see /docs"
        case HTTPStatus.METHOD_NOT_ALLOWED:
            detail = f"{request.method} is no method of {request.url.path}: see /docs"
        case _:
            detail = str(error.detail)
    response = problem(error.status_code, detail)
    response.headers.update(error.headers or {})
    return response


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    if status_of(error) == HTTPStatus.INSUFFICIENT_STORAGE:
        return problem(
            HTTPStatus.INSUFFICIENT_STORAGE,
            "the data folder can't be written to: see whether the disk is full or "
            "read-only",
        )
    return problem(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "something went wrong inside ambience; its log says what",
    )
