"""Notices clients that disconnect, and cancels the work for them."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ambience.core.cancellation import Caller, called_by


class ClientGone:
    """ASGI middleware that makes each request a `Caller`, which leaves with its client.

    Messages are passed on one at a time, when the application asks for them, so that
    clients can't send faster than they are read.

    Args:
        app: The application.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; when it is answered, its caller leaves."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        caller = Caller()
        incoming = _Incoming(receive, caller, has_body=_has_body(scope))
        try:
            with called_by(caller):
                await self._app(scope, incoming.receive, send)
        finally:  # also if the server stops and cancels the request
            caller.leave()
            incoming.close()


def _has_body(scope: Scope) -> bool:
    headers = dict(scope["headers"])
    length = headers.get(b"content-length", b"0")
    return length != b"0" or b"transfer-encoding" in headers


class _Incoming:
    """Messages from a client, whose disconnection is noticed even if nobody reads them.

    Args:
        receive: Returns the next message.
        caller: Leaves when the client disconnects.
        has_body: Whether there is a body; its end is awaited before listening.
    """

    def __init__(self, receive: Receive, caller: Caller, *, has_body: bool) -> None:
        self._receive = receive
        self._caller = caller
        self._begun: asyncio.Future[Message] | None = None
        self._left: asyncio.Future[Message] | None = None
        if not has_body:
            self._begun = asyncio.get_running_loop().create_future()
            self._left = asyncio.ensure_future(self._listened(self._begun))

    async def receive(self) -> Message:
        """Return the next message."""
        if self._begun is not None:
            begun, self._begun = self._begun, None
            return await begun
        if self._left is not None:
            return await asyncio.shield(self._left)
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self._caller.leave()
        elif not message.get("more_body", False):
            self._left = asyncio.ensure_future(self._listened())
        return message

    def close(self) -> None:
        """Stop listening."""
        if self._left is not None:
            self._left.cancel()

    async def _listened(
        self, begun: "asyncio.Future[Message] | None" = None
    ) -> Message:
        """Return the message that the client has disconnected, when it comes."""
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self._caller.leave()
            if begun is not None and not begun.done():
                begun.set_result(message)
            elif message["type"] == "http.disconnect":
                return message
