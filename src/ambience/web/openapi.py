"""Completes the OpenAPI document with every status that a route may answer."""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI

from ambience.web.problems import Problem
from ambience.web.wire import PROBLEM_TYPE

JSON = dict[str, Any]

MEANING: Final[Mapping[int, str]] = {
    HTTPStatus.BAD_REQUEST: "The request can't be read.",
    HTTPStatus.FORBIDDEN: "A foreign page sent the request.",
    HTTPStatus.NOT_FOUND: "There is no such image or service.",
    HTTPStatus.REQUEST_TIMEOUT: "The request came too slowly.",
    HTTPStatus.CONFLICT: "Another process is changing this image.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The request or image is too large.",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "It is not an image, or of an unknown format.",
    HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE: "The file has no such part.",
    HTTPStatus.MISDIRECTED_REQUEST: "The request is for an unknown host name.",
    HTTPStatus.UNPROCESSABLE_ENTITY: "A parameter is wrong, or an image is damaged.",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "The head of the request is too large.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "Something went wrong; see the log.",
    HTTPStatus.BAD_GATEWAY: "The address did not return an image.",
    HTTPStatus.SERVICE_UNAVAILABLE: "It can't be answered now; see the detail.",
    HTTPStatus.INSUFFICIENT_STORAGE: "The stored data can't be written or used.",
}

_ALWAYS = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.MISDIRECTED_REQUEST,
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.SERVICE_UNAVAILABLE,
)
_OF_PARAMETERS = (HTTPStatus.UNPROCESSABLE_ENTITY,)
_OF_BODIES = (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.INSUFFICIENT_STORAGE)
_PYDANTIC = ("HTTPValidationError", "ValidationError")  # of FastAPI's own refusals


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the ``responses=`` of routes that may also answer with these statuses.

    Statuses that any request, or any with parameters or a body, may get are added
    automatically.
    """
    return {status: {"description": MEANING[status]} for status in statuses}


def document_problems(app: FastAPI) -> None:
    """Complete an application's OpenAPI document."""
    made = app.openapi

    def openapi() -> JSON:
        if app.openapi_schema is None:
            app.openapi_schema = _completed(made())
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # as in FastAPI's documentation


def _completed(document: JSON) -> JSON:
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas["Problem"] = Problem.model_json_schema()
    for name in _PYDANTIC:
        schemas.pop(name, None)
    content = {"schema": {"$ref": "#/components/schemas/Problem"}}
    for operations in document["paths"].values():
        for operation in operations.values():
            responses = operation["responses"]
            for status in _added(operation):
                responses.setdefault(str(status), {"description": MEANING[status]})
            refused = str(int(HTTPStatus.UNPROCESSABLE_ENTITY))
            if _PYDANTIC[0] in str(responses.get(refused)):  # filled in by FastAPI
                meaning = MEANING[HTTPStatus.UNPROCESSABLE_ENTITY]
                responses[refused] = {"description": meaning}
            for status, response in responses.items():
                if int(status) >= HTTPStatus.BAD_REQUEST:
                    response.setdefault("content", {}).setdefault(PROBLEM_TYPE, content)
            operation["responses"] = dict(sorted(responses.items()))
    return document


def _added(operation: JSON) -> Iterator[int]:
    """Yield the statuses that are added automatically to a route."""
    yield from _ALWAYS
    if "requestBody" in operation or operation.get("parameters"):
        yield from _OF_PARAMETERS
    if "requestBody" in operation:
        yield from _OF_BODIES
