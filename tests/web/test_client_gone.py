"""A client that hangs up takes along what is done for it, and nothing else changes."""

import asyncio
from collections.abc import Sequence

import pytest
from starlette.types import Message, Receive, Scope, Send

from ambience.core.cancellation import Caller, current_caller
from ambience.web.client_gone import ClientGone

pytestmark = pytest.mark.anyio

WAIT_S = 60
GONE: Message = {"type": "http.disconnect"}


class Connection:
    """What a server hands an application: pieces of a body, and then the end."""

    def __init__(self, pieces: Sequence[bytes], *, length: int | None = None) -> None:
        self._pieces = list(pieces)
        self.hung_up = asyncio.Event()
        self.asked = 0
        headers = [] if length is None else [(b"content-length", b"%d" % length)]
        self.scope: Scope = {"type": "http", "headers": headers}

    async def receive(self) -> Message:
        self.asked += 1
        if self._pieces:
            body = self._pieces.pop(0)
            more = bool(self._pieces)
            return {"type": "http.request", "body": body, "more_body": more}
        await self.hung_up.wait()
        return GONE

    async def send(self, message: Message) -> None:
        raise AssertionError(f"nothing is sent here: {message}")


async def until_gone(caller: Caller) -> None:
    """Wait as a decode on another thread does: it does not listen to the client."""
    gone = asyncio.Event()
    loop = asyncio.get_running_loop()
    with caller.on_leaving(lambda: loop.call_soon_threadsafe(gone.set)):
        await asyncio.wait_for(gone.wait(), WAIT_S)


@pytest.mark.parametrize(
    ("pieces", "length"), [([b""], None), ([b""], 0), ([b"ab", b"c"], 3)]
)
async def test_a_client_that_hangs_up_is_noticed(
    pieces: list[bytes], length: int | None
) -> None:
    connection = Connection(pieces, length=length)
    callers = []

    async def app(_: Scope, receive: Receive, __: Send) -> None:
        callers.append(current_caller())
        if length:
            while (await receive()).get("more_body"):
                pass
        connection.hung_up.set()
        await until_gone(current_caller())

    await ClientGone(app)(connection.scope, connection.receive, connection.send)
    assert callers[0].is_gone
    assert not callers[0].patient
    assert current_caller().patient


async def test_an_application_hears_what_it_would_hear() -> None:
    for length in (None, 3):
        body = [b""] if length is None else [b"a", b"bc"]
        connection = Connection(body, length=length)
        heard: list[Message] = []

        async def app(
            _: Scope,
            receive: Receive,
            __: Send,
            heard: list[Message] = heard,
            connection: Connection = connection,
        ) -> None:
            heard.append(await receive())
            while heard[-1].get("more_body"):
                heard.append(await receive())
            connection.hung_up.set()
            heard.extend([await receive(), await receive()])

        await ClientGone(app)(connection.scope, connection.receive, connection.send)
        assert [message.get("body") for message in heard] == [*body, None, None]
        assert heard[-2:] == [GONE, GONE]


async def test_a_body_comes_no_faster_than_it_is_read() -> None:
    connection = Connection([b"a", b"b", b"c"], length=3)

    async def app(_: Scope, receive: Receive, __: Send) -> None:
        for asked in (1, 2):
            await receive()
            await asyncio.sleep(0)
            assert connection.asked == asked

    await ClientGone(app)(connection.scope, connection.receive, connection.send)


async def test_a_client_that_hangs_up_in_its_body_is_noticed() -> None:
    connection = Connection([], length=3)
    connection.hung_up.set()

    async def app(_: Scope, receive: Receive, __: Send) -> None:
        assert await receive() == GONE
        assert current_caller().is_gone

    await ClientGone(app)(connection.scope, connection.receive, connection.send)


async def test_once_it_is_answered_nobody_waits() -> None:
    connection = Connection([b""])
    callers = []

    async def app(_: Scope, __: Receive, ___: Send) -> None:
        callers.append(current_caller())
        assert not current_caller().is_gone
        await asyncio.sleep(0)

    await ClientGone(app)(connection.scope, connection.receive, connection.send)
    assert callers[0].is_gone


async def test_other_messages_than_requests_pass() -> None:
    seen = []

    async def app(scope: Scope, __: Receive, ___: Send) -> None:
        seen.append(scope["type"])
        assert current_caller().patient
        await asyncio.sleep(0)

    connection = Connection([])
    await ClientGone(app)({"type": "lifespan"}, connection.receive, connection.send)
    assert seen == ["lifespan"]
