"""Refuses a request before its body is read, such that the client sees the answer."""

import asyncio
import contextlib
from collections.abc import Mapping

from starlette.types import Message, Receive, Scope, Send

from ambience.web.problems import problem

_LINGER_S = 5.0  # as long as nginx waits for a client to read a refusal


class Refusal:
    """An ASGI application that answers every request with the same problem.

    Args:
        status: The status of the answer.
        detail: Its sentence.
        headers: Additional headers.
    """

    def __init__(
        self, status: int, detail: str, *, headers: Mapping[str, str] | None = None
    ) -> None:
        self._status = status
        self._detail = detail
        self._headers = {"Connection": "close", **(headers or {})}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, then read what is still being sent, for a while."""
        response = problem(self._status, self._detail)
        response.headers.update(self._headers)

        async def send_and_wait(message: Message) -> None:
            if message["type"] == "http.response.body":
                await send({**message, "more_body": True})
                await _drain(scope, receive)
                message = {"type": "http.response.body"}
            await send(message)

        await response(scope, receive, send_and_wait)


async def _drain(scope: Scope, receive: Receive) -> None:
    """Read and drop a body: a client that is cut off while sending sees no answer."""
    if b"expect" in dict(scope["headers"]):  # it waits for our consent to send
        return
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LINGER_S):
            while (await receive()).get("more_body", False):
                pass
