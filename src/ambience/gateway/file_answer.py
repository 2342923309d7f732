"""Sends a file; what keeps it from being read is said before the answer begins."""

from fastapi.responses import FileResponse
from starlette.types import Message, Receive, Scope, Send


class FileAnswer(FileResponse):
    """A file as an answer.

    The class above sends status and headers before it opens the file. Here they wait
    for the first of its bytes, so that a file which can't be opened (it has just gone,
    there are no file descriptors) is an error like any other.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the file."""
        head: list[Message] = []

        async def send_later(message: Message) -> None:
            if message["type"] == "http.response.start":
                head.append(message)
                return
            while head:
                await send(head.pop())
            await send(message)

        await super().__call__(scope, receive, send_later)
