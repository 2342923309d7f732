"""Who sends half of a request, or takes none of the answer, keeps nobody else out."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from ambience.cli.client_connections import LimitedConfig
from ambience.cli.http_server import Server, bound
from ambience.core.settings import ServerSettings
from tests.server import MAIN, START_S, serving

LARGE = 24 * 2**20  # bytes: more than the system holds for a client that takes none
HEAD = b"POST /upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n"
POST = b"POST /upload HTTP/1.1\r\nHost: a\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
FEW_FILES = (
    "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (512, 512))\n" + MAIN
)


class Served:
    """A small application behind our server, in a thread."""

    def __init__(self, **limits: Any) -> None:
        self.begun, self.go_on = threading.Semaphore(0), threading.Event()
        routes = [
            Route("/hello", lambda _: PlainTextResponse("hello")),
            Route("/large", lambda _: Response(bytes(LARGE))),
            Route("/wait", self._wait),
            Route("/upload", self._upload, methods=["POST"]),
        ]
        config = LimitedConfig(
            Starlette(routes=routes),
            limits=ServerSettings(**limits),
            log_level="critical",
            lifespan="off",
            timeout_graceful_shutdown=1,
        )
        ready = threading.Event()
        self._listener = bound("127.0.0.1", 0)
        self.address: tuple[str, int] = self._listener.getsockname()
        self._server = Server(config, ready.set)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        assert ready.wait(START_S)

    def _serve(self) -> None:
        asyncio.run(self._server.serve(sockets=[self._listener]))

    def _wait(self, _: Request) -> Response:
        self.begun.release()
        self.go_on.wait(START_S)
        return PlainTextResponse("waited")

    @staticmethod
    async def _upload(request: Request) -> Response:
        return PlainTextResponse(str(len(await request.body())))

    def close(self) -> None:
        self.go_on.set()
        self._server.should_exit = True
        self._thread.join(START_S)

    def connected(self, data: bytes = b"", *, receives: int = 0) -> socket.socket:
        """Return a connection that has sent something."""
        client = socket.socket()
        if receives:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receives)
        client.settimeout(START_S)
        client.connect(self.address)
        client.sendall(data)
        return client

    def asked(self, data: bytes) -> bytes:
        """Send something; return all that comes back until the connection ends."""
        with self.connected(data) as client:
            return rest(client)

    def is_heard(self) -> bool:
        """Tell whether a good request is answered."""
        host, port = self.address
        answer = httpx2.get(f"http://{host}:{port}/hello", timeout=START_S)
        return answer.text == "hello"


@pytest.fixture
def served(request: pytest.FixtureRequest) -> Iterator[Served]:
    served = Served(**getattr(request, "param", {}))
    yield served
    served.close()


def limits(**given: float) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("served", [given], indirect=True, ids=["limited"])


def rest(client: socket.socket) -> bytes:
    """Return what comes until the end, also if that is abrupt."""
    data = bytearray()
    with contextlib.suppress(ConnectionError):
        while piece := client.recv(2**16):
            data += piece
    return bytes(data)


def check_problem(answer: bytes, status: int, words: str) -> None:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status), answer
    assert b"content-type: application/problem+json" in head
    assert b"connection: close" in head.lower()
    assert words in body.decode()


@limits(header_timeout_s=0.5)
def test_a_half_sent_head_is_given_up(served: Served) -> None:
    halves = [served.connected(b"GET /hello HTTP/1.1\r\nHos") for _ in range(200)]
    silent = served.connected()
    assert served.is_heard()
    for half in halves:
        check_problem(rest(half), 408, "send it again")
        half.close()
    assert rest(silent) == b""
    silent.close()
    assert served.is_heard()


@limits(header_timeout_s=0.5)
def test_a_second_head_that_is_half_sent_is_given_up(served: Served) -> None:
    good = b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n"
    answer = served.asked(good + b"GET /hello HTTP/1.1\r\nHos")
    first, second = answer.split(b"hello", 1)
    assert first.startswith(b"HTTP/1.1 200 ")
    check_problem(second, 408, "send it again")


@limits(max_connections=50)
def test_who_only_connects_gives_place_to_who_asks(served: Served) -> None:
    halves = [served.connected(b"GET /hello HTTP/1.1\r\n") for _ in range(200)]
    assert served.is_heard()
    assert [rest(half) for half in halves[:150]] == [b""] * 150
    for half in halves:
        half.close()


def test_more_half_sent_heads_than_files_may_be_open_keep_nobody_out(
    tmp_path: Path,
) -> None:
    limit = {"AMBIENCE_SERVER__MAX_CONNECTIONS": "100"}
    with serving(tmp_path / "data", code=FEW_FILES, environment=limit) as (server, _):
        port = int(server.url.rpartition(":")[2])
        halves = []
        for _ in range(700):
            half = socket.create_connection(("127.0.0.1", port), timeout=START_S)
            half.sendall(b"GET / HTTP/1.1\r\n")
            halves.append(half)
        with server.client() as client:
            assert client.get("/healthz").is_success
        for half in halves:
            half.close()


@limits(max_connections=2)
def test_where_all_are_at_work_a_request_is_told_to_come_again(served: Served) -> None:
    waiting = b"GET /wait HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    at_work = [served.connected(waiting) for _ in range(2)]
    for _ in at_work:
        assert served.begun.acquire(timeout=START_S)
    upload = HEAD.replace(b"100000", b"10") + b"0123456789"
    for request in (b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n", upload):
        refused = served.asked(request)
        check_problem(refused, 503, "in a moment")
        assert b"retry-after: 1\r\n" in refused
    served.go_on.set()
    for client in at_work:
        assert rest(client).endswith(b"waited")
        client.close()
    assert served.is_heard()


@limits(body_idle_timeout_s=0.5)
def test_a_body_that_stops_is_given_up(served: Served) -> None:
    check_problem(served.asked(HEAD + b"half"), 408, "body_idle_timeout_s")


@limits(body_idle_timeout_s=2)
def test_a_body_that_trickles_is_given_up(served: Served) -> None:
    with served.connected(HEAD) as client:
        client.settimeout(0.1)
        answer = b""
        while not answer:  # ends by 408, or by the client's timeout of a minute
            client.sendall(b"x")
            with contextlib.suppress(TimeoutError):
                answer = client.recv(2**16)
    check_problem(answer, 408, "too slowly")


@limits(body_idle_timeout_s=0.5)
def test_who_waits_to_be_asked_for_the_body_is_not_slow(served: Served) -> None:
    head = HEAD.replace(b"100000", b"4\r\nExpect: 100-continue")
    head = head.replace(b"Host", b"Connection: close\r\nHost")
    with served.connected(head) as client:
        assert client.recv(2**16).startswith(b"HTTP/1.1 100 ")
        client.sendall(b"body")
        assert rest(client).endswith(b"4")


@limits(answer_idle_timeout_s=0.5)
def test_an_answer_that_nobody_takes_is_broken_off(served: Served) -> None:
    request = b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with served.connected(request, receives=4096) as client:
        ended = threading.Event()
        state = served._server.server_state  # noqa: SLF001 -- to wait
        while not state.connections:
            assert not ended.wait(0.01)
        while state.connections:
            assert not ended.wait(0.01)
        assert len(rest(client)) < LARGE


@pytest.mark.parametrize(
    ("request_", "status", "words"),
    [
        (b"nonsense\r\n\r\n", 400, "not a valid HTTP request"),
        (b"GET /hello HTTP/1.1\r\n\r\n", 400, "Host"),
        (b"GET hello HTTP/1.1\r\nHost: a\r\n\r\n", 400, "not a path"),
        (b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 400, "not a path"),
        (b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n", 400, "not a valid HTTP request"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "Host"),
        (
            b"GET / HTTP/1.1\r\nHost: a\r\nA: b\nc: d\re: f\r\n\r\n",
            400,
            "not a valid HTTP request",
        ),
        (POST + b"Content-Length: 4\r\n" + CHUNKED + b"0\r\n\r\n", 400, "Transfer-E"),
        (POST.replace(b"1.1", b"1.0") + CHUNKED + b"0\r\n\r\n", 400, "HTTP/1.0"),
        (POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400, "-Length"),
        (POST + b"Transfer-Encoding: gzip\r\n\r\n", 501, "Transfer-Encoding"),
        (POST + CHUNKED + b"no number\r\n", 400, "not a valid HTTP request"),
        (b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 431, "32 KiB"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nA: " + b"a" * 70_000, 431, "32 KiB"),
    ],
    ids=range(14),
)
def test_what_is_no_request_is_a_problem_document(
    served: Served, request_: bytes, status: int, words: str
) -> None:
    check_problem(served.asked(request_), status, words)


def test_a_whole_address_is_as_good_as_its_path(served: Served) -> None:
    request = b"GET http://localhost/hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
    assert served.asked(request + b"\r\n").endswith(b"\r\n\r\nhello")
