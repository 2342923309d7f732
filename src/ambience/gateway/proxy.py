"""Passes requests for a service elsewhere on to it, and its answers back, as they come.

Neither is parsed or held: what arrives is sent on in the same moment. Read are only the
refusals, which are short, and what a service says of its own state.
"""

import asyncio
import base64
import logging
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any, TypeAlias

import anyio
import httpx2
from fastapi import Request, Response
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import TypeAdapter, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send

from ambience.core.errors import NotFoundError, UnavailableError
from ambience.core.features import ImageId
from ambience.gateway.upload import Upload
from ambience.remote.refusals import Address, Answered
from ambience.remote.upstream import (
    Headers,
    Upstream,
    paused,
    whole,
)
from ambience.service import AnyService
from ambience.web.addresses import API
from ambience.web.problems import STATUS
from ambience.web.schemas import ImageIdPath
from ambience.web.service_routes import ReserveId

_SHORT = 2**18  # bytes of a refusal or of a state at most
_JSON = "application/json"

# What belongs to one connection, not to the message (RFC 9110, section 7.6.1), and
# `expect`, which our own server has answered.
_HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"expect",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
# Where a browser's request comes from: checked here; the service has another name.
_ORIGIN = frozenset(
    {b"origin", b"sec-fetch-site", b"sec-fetch-mode", b"sec-fetch-dest", b"sec-purpose"}
)
_OWN = frozenset({b"date", b"server"})  # of an answer: our server says them itself
# Refusals that mean the same here; others (a wrong Host, say) are the gateway's affair.
_PASSED = frozenset({*STATUS.values(), HTTPStatus.INTERNAL_SERVER_ERROR})

_image_id: TypeAdapter[int] = TypeAdapter(ImageIdPath)
_log = logging.getLogger(__name__)

Handler: TypeAlias = Callable[[Request], Coroutine[Any, Any, Response]]


class Proxy:
    """Answers the routes of one service by asking the service.

    Args:
        service: One that runs elsewhere.
        reserve_id: Called with the id of an image before it is put, not after: an
            import could be given the id in between. If the image is then refused, its
            id stays unused.
    """

    def __init__(self, service: AnyService, reserve_id: ReserveId) -> None:
        self._url = httpx2.URL(service.url)
        self._address = Address.of(service.name, self._url)
        self._timeout_s = service.timeout_s
        self._reserve_id = reserve_id
        self._path = self._url.raw_path.rstrip(b"/")
        self._own = f"{API}/{service.name}"
        self._status = service.status
        self._upstream = Upstream(self._url)

    def route_class(self) -> type[APIRoute]:
        """Return the class of routes that pass on what they declare."""
        proxy = self

        class PassedOn(APIRoute):
            def get_route_handler(self) -> Handler:
                return proxy.handler(self)

        return PassedOn

    async def aclose(self) -> None:
        """Close the connections."""
        await self._upstream.aclose()

    def handler(self, route: APIRoute) -> Handler:
        """Return what answers the requests of a route."""
        expected = HTTPStatus(route.status_code or HTTPStatus.OK)
        is_status = route.path == self._own

        async def handler(request: Request) -> Response:
            if is_status:
                return JSONResponse(await run_in_threadpool(self._status))
            if request.method == "PUT":
                await self._reserve(request)
            return _PassedAnswer(self, expected)

        return handler

    async def _reserve(self, request: Request) -> None:
        try:
            image_id = _image_id.validate_python(request.path_params["image_id"])
        except ValidationError:
            return  # the service itself refuses it
        await run_in_threadpool(self._reserve_id, self._address.name, ImageId(image_id))

    async def pass_on(
        self, scope: Scope, receive: Receive, send: Send, *, expected: int
    ) -> None:
        """Answer a request with what the service answers.

        A client that goes takes its request along, so that the service may stop, too.

        Args:
            scope: The request.
            receive: Gives its body.
            send: Takes the answer.
            expected: The status of a success.

        Raises:
            AmbienceError: If the service can't be reached, or something else answers.
        """
        target = self._path + scope["raw_path"]
        if scope["query_string"]:
            target += b"?" + scope["query_string"]
        headers = self._sent(scope["headers"])
        answer = _Answer(send)
        refused = None
        try:
            with anyio.fail_after(self._timeout_s) as limit:
                upload = Upload(receive, limit)
                watching = asyncio.create_task(upload.watch())
                try:
                    async with self._upstream.exchange(
                        scope["method"], target, headers, upload
                    ) as reply:
                        if reply.status_code == expected and _is_right(reply, expected):
                            await answer.pass_on(reply, limit)
                        else:
                            refused = await _read(reply)
                finally:
                    watching.cancel()
        except ClientDisconnect:
            return
        except (httpx2.HTTPError, OSError) as error:
            if not answer.has_begun:
                raise self._address.silence(error, timeout_s=self._timeout_s) from error
            # The connection is closed without the end, which tells the client.
            _log.warning("%s broke off its answer (%r)", self._address.name, error)
            return
        if limit.cancelled_caught:  # the client is gone
            return
        if refused is None:
            await answer.send(b"")
        else:
            await self._refuse(refused, answer)

    async def _refuse(self, answered: Answered, answer: "_Answer") -> None:
        refusal = self._address.refusal(answered)
        if answered.detail is None or answered.status not in _PASSED:
            raise refusal
        if isinstance(refusal, NotFoundError):
            state = await run_in_threadpool(self._status)
            if not state["available"]:  # it is the service that is not found
                raise UnavailableError(state["reason"])
        headers = [
            (b"content-type", answered.media_type.encode()),
            (b"content-length", str(len(answered.body)).encode()),
        ]
        await answer.start(answered.status, headers)
        await answer.send(answered.body)

    def _sent(self, headers: Headers) -> Headers:
        """Return the headers of a request as the service gets them."""
        dropped = {*_one_hop(headers), *_ORIGIN, b"host"}
        own = [(b"host", self._url.netloc)]
        if self._url.userinfo:
            dropped.add(b"authorization")
            account = f"{self._url.username}:{self._url.password}".encode()
            own.append((b"authorization", b"Basic " + base64.b64encode(account)))
        # Which then says where the body ends, whatever else is said.
        if any(name == b"transfer-encoding" for name, _ in headers):
            dropped.add(b"content-length")
            own.append((b"transfer-encoding", b"chunked"))
        return own + [pair for pair in headers if pair[0] not in dropped]


class _PassedAnswer(Response):
    """The answer of a service, asked for when it is sent."""

    def __init__(self, proxy: Proxy, expected: int) -> None:
        super().__init__(status_code=expected)
        self._proxy = proxy
        self._expected = expected

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        await self._proxy.pass_on(scope, receive, send, expected=self._expected)


class _Answer:
    """The way back to the client."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.has_begun = False

    async def start(self, status: int, headers: Headers) -> None:
        """Send how it begins."""
        self.has_begun = True
        start = {"type": "http.response.start", "status": status, "headers": headers}
        await self._send(start)

    async def send(self, data: bytes, *, more: bool = False) -> None:
        """Send a piece of the body; the last, if no more is to come."""
        body: Message = {"type": "http.response.body", "body": data, "more_body": more}
        await self._send(body)

    async def pass_on(self, reply: httpx2.Response, limit: anyio.CancelScope) -> None:
        """Send what a service answers, as it comes; its time stands still meanwhile."""
        said = [(name.lower(), value) for name, value in reply.headers.raw]
        dropped = {*_one_hop(said), *_OWN}
        with paused(limit):
            await self.start(
                reply.status_code, [pair for pair in said if pair[0] not in dropped]
            )
        async for piece in reply.aiter_raw():
            with paused(limit):
                await self.send(piece, more=True)


async def _read(reply: httpx2.Response) -> Answered:
    body = await whole(reply, max_bytes=_SHORT)
    return Answered(reply.status_code, _media_type(reply), body)


def _is_right(reply: httpx2.Response, expected: int) -> bool:
    """Return whether an answer can be one of ours: no page of somebody else's."""
    return expected == HTTPStatus.NO_CONTENT or _media_type(reply) == _JSON


def _media_type(reply: httpx2.Response) -> str:
    return reply.headers.get("content-type", "").partition(";")[0].strip()


def _one_hop(headers: Headers) -> set[bytes]:
    """Return the names of headers that belong to the connection they came on."""
    named = b",".join(value for name, value in headers if name == b"connection")
    return {*_HOP_BY_HOP, *(name.strip() for name in named.lower().split(b","))}
