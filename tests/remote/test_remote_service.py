"""A service elsewhere is asked within limits, and once more only where that is safe."""

import socket
import threading
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import httpx2
import pytest

from ambience.core.errors import TooLargeError, UnavailableError
from ambience.core.features import ImageId
from ambience.imaging import ImageFile
from ambience.remote.remote_service import RemoteService, connect
from ambience.remote.transport import BoundedTransport
from ambience.service import SearchRequest
from tests.gateway.proxied import MATCHES, Serve, closing_the_second, saying
from tests.scripted import GUARD_S, Got, answer, read_head, read_request, scripted

STORED = b"HTTP/1.1 204 No Content\r\n\r\n"
SEVEN = ImageId(7)


@contextmanager
def remote(serve: Serve, *, timeout_s: float = GUARD_S) -> Iterator[RemoteService]:
    with scripted(serve) as url:
        service = connect("phash", url, timeout_s=timeout_s)
        yield service
        service.close()


def dripping(over: threading.Event, first: bytes, drop: bytes) -> Serve:
    """Answer a byte now and then, for ever."""

    def serve(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(first)
        while not over.wait(0.01):
            connection.sendall(drop)

    return serve


@pytest.mark.parametrize(
    ("first", "drop"),
    [
        (b"", b""),
        (b"HTTP/1.1 200 OK\r\nx: ", b"a"),
        (answer(bytes(1000))[:-1000], b" "),
    ],
    ids=["silent", "in the head", "in the body"],
)
def test_a_service_that_drips_is_waited_for_no_longer_than_its_limit(
    first: bytes, drop: bytes
) -> None:
    over = threading.Event()
    with remote(dripping(over, first, drop), timeout_s=0.2) as service:
        with pytest.raises(UnavailableError, match=r"within 0\.2 s"):
            service.search_by_id(SEVEN, SearchRequest(k=1))
        assert "within" in service.status()["reason"]
        over.set()


def test_a_machine_that_takes_up_no_connection_is_known_soon(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ambience.remote.upstream._CONNECT_S", 0.1)
    with ExitStack() as stack:
        full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(8):  # whom it never accepts: those who come after wait in vain
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)  # noqa: FBT003 -- as the library has it
            waiting.connect_ex(full.getsockname())
        url = f"http://127.0.0.1:{full.getsockname()[1]}"
        service = connect("phash", url, timeout_s=GUARD_S)
        stack.callback(service.close)
        with pytest.raises(UnavailableError, match="ConnectTimeout"):
            service.search_by_id(SEVEN, SearchRequest(k=1))


def test_an_answer_without_end_is_refused() -> None:
    over = threading.Event()
    first = b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n"
    with scripted(dripping(over, first, bytes(2**16))) as url:
        transport = BoundedTransport(
            httpx2.URL(url), timeout_s=GUARD_S, max_bytes=2**20
        )
        client = httpx2.Client(base_url=url, transport=transport)
        service = RemoteService("phash", client)
        with pytest.raises(UnavailableError, match="ReadError"):
            service.search_by_id(SEVEN, SearchRequest(k=1))
        over.set()
        service.close()


def test_a_change_that_met_a_stale_connection_is_sent_once_more_whole() -> None:
    got: list[Got] = []
    data = bytes(range(256)) * 4096
    with remote(closing_the_second(got, STORED)) as service:
        service.put({SEVEN: b"first"})
        service.put({SEVEN: data})
    assert [one.first_line for one in got[:3]] == [
        "PUT /api/phash/images/7 HTTP/1.1"
    ] * 3
    assert data in got[1].body
    assert data in got[2].body


def test_a_change_is_not_repeated_once_an_answer_has_begun() -> None:
    got: list[Got] = []
    with remote(saying(STORED, answer()[:-1], got=got)) as service:
        service.put({SEVEN: b"first"})
        with pytest.raises(UnavailableError, match="RemoteProtocolError"):
            service.put({SEVEN: b"second"})
    assert len(got) == 2


def test_a_refusal_is_heard_although_it_came_before_the_upload_was_read() -> None:
    refusal = answer(
        b'{"detail":"too large"}',
        status="413 Too Large",
        kind="application/problem+json",
        more="connection: close\r\n",
    )

    def serve(connection: socket.socket) -> None:
        read_head(connection)
        connection.sendall(refusal)
        while connection.recv(2**16):
            pass

    with (
        remote(serve) as service,
        pytest.raises(TooLargeError, match="too large"),
    ):
        service.put({SEVEN: bytes(2**26)})


def test_the_bytes_of_a_file_are_not_copied() -> None:
    size = 2**26

    def serve(connection: socket.socket) -> None:
        head, body = read_head(connection)
        left = int(Got(head, b"").header("content-length") or 0) - len(body)
        while left:
            left -= len(connection.recv(2**16))
        connection.sendall(answer(MATCHES))

    image = ImageFile(bytes(size))
    with remote(serve) as service:
        tracemalloc.start()
        try:
            service.search(image, SearchRequest(k=1))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < size / 8


def test_an_end_closes_the_connections() -> None:
    closed = threading.Event()

    def serve(connection: socket.socket) -> None:
        try:
            saying(answer(MATCHES), answer(MATCHES))(connection)
        finally:
            closed.set()

    with scripted(serve) as url:
        service = connect("phash", url, timeout_s=GUARD_S)
        service.search_by_id(SEVEN, SearchRequest(k=1))
        assert not closed.is_set()
        service.close()
        assert closed.wait(GUARD_S)


def test_an_end_cuts_what_is_under_way() -> None:
    asked = threading.Event()

    def serve(connection: socket.socket) -> None:
        read_request(connection)
        asked.set()
        read_request(connection)

    with remote(serve) as service, ThreadPoolExecutor(1) as pool:
        search = pool.submit(service.search_by_id, SEVEN, SearchRequest(k=1))
        assert asked.wait(GUARD_S)
        service.close()
        with pytest.raises(UnavailableError, match="does not answer"):
            search.result()


def test_no_proxy_of_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with remote(saying(answer(MATCHES))) as service:
        assert service.search_by_id(SEVEN, SearchRequest(k=1)).matches == ()
