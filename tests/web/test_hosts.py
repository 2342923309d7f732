"""Only who asks for this server by a name of its own gets an answer."""

import anyio
import pytest
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient
from starlette.types import Message

from ambience.web.hosts import KnownHosts


@pytest.fixture
def client() -> TestClient:
    hosts = ("192.168.0.7", "fd00::7", "Photos.example.org")
    return TestClient(KnownHosts(PlainTextResponse("hello"), hosts=hosts))


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST:44444",
        "localhost.",
        "127.0.0.1:44444",
        "[::1]",
        "[::1]:44444",
        "192.168.0.7:80",
        "[fd00::7]:80",
        "photos.example.org",
        "PHOTOS.example.org.:443",
    ],
)
def test_a_known_host_is_answered(client: TestClient, host: str) -> None:
    assert client.get("/", headers={"host": host}).text == "hello"


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:44444",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "127.0.0.1@evil.example",
        "evil.example:127.0.0.1",
        "[evil.example]",
        "[::2]:44444",
        "[::1",
        "127.0.0.2",
        "<script>",
        "\xff",
        "",
    ],
)
def test_another_host_is_told_the_setting(client: TestClient, host: str) -> None:
    answer = client.get("/", headers={b"host": host.encode("latin-1")})
    assert answer.status_code == 421
    assert answer.headers["content-type"] == "application/problem+json"
    assert "allowed_hosts" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("hosts", "status"),
    [
        ([], 200),  # HTTP/1.0
        ([b"localhost"], 200),
        ([b"localhost", b"evil.example"], 421),
        ([b"evil.example", b"localhost"], 421),
    ],
)
def test_none_may_be_named_but_no_second_one(hosts: list[bytes], status: int) -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    app = KnownHosts(PlainTextResponse("hello"))
    headers = [(b"host", host) for host in hosts]
    scope = {"type": "http", "method": "GET", "path": "/", "headers": headers}
    anyio.run(app, scope, receive, send)
    assert sent[0]["status"] == status
