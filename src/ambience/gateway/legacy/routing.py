"""Serves the original's routes ahead of ours, and lets allowed pages read the answers.

Our routes are matched by patterns, with declared parameters. The original's are few,
each with a fixed path, and are answered as fast as the original did.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, TypeAlias

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ambience.web.forms import SmallForm
from ambience.web.problems import problem

Handler: TypeAlias = Callable[[Request], Awaitable[Response]]

TAG = "legacy"
FORM = "multipart/form-data"
_JSON = "application/json"
_TEXT = "text/plain"
_ANYTHING: Final[dict[str, Any]] = {"schema": {}}
_ERRORS: Final[dict[int | str, dict[str, Any]]] = {
    status: {"description": meaning, "content": {_JSON: _ANYTHING, _TEXT: _ANYTHING}}
    for status, meaning in (
        (HTTPStatus.BAD_REQUEST, "A field is missing."),
        (HTTPStatus.UNPROCESSABLE_ENTITY, "A field is missing, or not a number."),
        (HTTPStatus.INTERNAL_SERVER_ERROR, "It can't be done, or a value is wrong."),
    )
}

# The original told browsers that every page may read its answers.
_ALLOWED = "Access-Control-Allow-Origin"
_METHODS = "GET,HEAD,PUT,PATCH,POST,DELETE"


@dataclass(frozen=True, slots=True)
class LegacyRoute:
    """One of the original's routes; all of them are POST.

    Attributes:
        path: Its path.
        handler: Answers it.
        body: The request's body, for the documentation.
        kind: The media type of the body.
        says: What it does, in a sentence.
    """

    path: str
    handler: Handler
    body: type[BaseModel]
    kind: str
    says: str


def add_legacy(
    app: FastAPI, routes: Sequence[LegacyRoute], *, for_pages: bool = False
) -> None:
    """Add the original's routes to an application.

    Args:
        app: The application.
        routes: The routes.
        for_pages: Whether pages of allowed origins may read the answers, as they could
            with the original's gateway.
    """
    router = APIRouter(tags=[TAG])
    for route in routes:
        schema = route.body.model_json_schema(ref_template="#/{model}")
        router.add_api_route(
            route.path,
            _declared(route.handler),
            methods=["POST"],
            summary=route.says,
            responses={**_ERRORS},
            response_class=Response,
            openapi_extra={
                "requestBody": {
                    "required": True,
                    "content": {route.kind: {"schema": schema}},
                }
            },
        )
    declared = {
        route.path: route for route in router.routes if isinstance(route, APIRoute)
    }
    app.include_router(router)
    handlers = {route.path: (route.handler, declared[route.path]) for route in routes}
    app.user_middleware.append(Middleware(_Shortcut, handlers=handlers))
    if for_pages:
        app.add_middleware(_ForPages, paths=frozenset(handlers))


def add_greeting(app: FastAPI) -> None:
    """Add the answer at the root of the original's services."""

    @app.get("/", tags=[TAG])
    async def greeting() -> dict[str, str]:
        """Say that the service is running."""
        return {"Hello": "World"}


def _declared(handler: Handler) -> Handler:
    """Return a handler whose signature FastAPI understands."""

    async def answer(request: Request) -> Response:
        return await handler(request)

    return answer


class _Shortcut:
    """ASGI middleware that answers some paths itself.

    Args:
        app: Answers all other paths.
        handlers: The handler of each path, and the route that it implements.
    """

    def __init__(
        self, app: ASGIApp, *, handlers: Mapping[str, tuple[Handler, APIRoute]]
    ) -> None:
        self._app = app
        self._handlers = handlers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, or pass it on."""
        found = None
        if scope["type"] == "http" and scope["method"] == "POST":
            found = self._handlers.get(scope["path"])
        if found is None:
            await self._app(scope, receive, send)
            return
        handler, scope["route"] = found
        try:
            response = await handler(SmallForm(scope, receive))
        except HTTPException as error:
            response = problem(error.status_code, str(error.detail))
            response.headers.update(error.headers or {})
        await response(scope, receive, send)


class _ForPages:
    """ASGI middleware that lets pages read the answers of some paths.

    Pages of other origins are still refused.

    Args:
        app: Answers the requests.
        paths: The paths.
    """

    def __init__(self, app: ASGIApp, *, paths: frozenset[str]) -> None:
        self._app = app
        self._paths = paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; whether its page may send it is decided elsewhere."""
        if scope["type"] != "http" or scope["path"] not in self._paths:
            await self._app(scope, receive, send)
            return
        if scope["method"] == "OPTIONS":
            await _allowed(scope)(scope, receive, send)
            return

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[_ALLOWED] = "*"
            await send(message)

        await self._app(scope, receive, answer)


def _allowed(scope: Scope) -> Response:
    """Return the answer to a browser that asks before it sends."""
    wanted = dict(scope["headers"]).get(b"access-control-request-headers", b"")
    headers = {_ALLOWED: "*", "Access-Control-Allow-Methods": _METHODS}
    if wanted:
        headers["Access-Control-Allow-Headers"] = wanted.decode("latin-1")
        headers["Vary"] = "Access-Control-Request-Headers"
    return Response(status_code=HTTPStatus.NO_CONTENT, headers=headers)
