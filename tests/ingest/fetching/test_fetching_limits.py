"""Whatever a server elsewhere sends, or does not, fetching from it ends."""

import asyncio
import gzip
import socket
import threading
from functools import partial

import pytest

from ambience.core.errors import FetchError, TooLargeError
from ambience.imaging import Limits
from ambience.ingest.fetching.fetcher import Fetcher
from ambience.ingest.fetching.public_addresses import IPAddress
from tests.ingest.fetching.web_server import (
    FILE,
    HERE,
    LIMIT,
    Answer,
    answer,
    fetched,
    web_server,
)

SOON_S = 0.3  # for what never comes

# -- size -----------------------------------------------------------------------------


def test_a_file_as_large_as_the_limit_is_fetched() -> None:
    with web_server({"/": answer(bytes(LIMIT))}) as server:
        assert fetched(server) == bytes(LIMIT)


@pytest.mark.parametrize("length", [LIMIT + 1, 2**60])
def test_a_declared_length_too_large_is_refused_before_anything_comes(
    length: int,
) -> None:
    def hold(connection: socket.socket) -> None:
        connection.sendall(answer(content_length=length))
        server.ended.wait()

    with (
        web_server({"/": hold}) as server,
        pytest.raises(TooLargeError, match="more than the limit"),
    ):
        fetched(server)


def endless(connection: socket.socket, head: bytes) -> None:
    connection.sendall(head)
    while True:  # until whoever reads goes away
        connection.sendall(b"8000\r\n" + bytes(0x8000) + b"\r\n")


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
)
def test_an_endless_file_ends_at_the_limit(head: bytes) -> None:
    gone = threading.Event()

    def send(connection: socket.socket) -> None:
        try:
            endless(connection, head)
        finally:
            gone.set()

    with web_server({"/": send}) as server:
        with pytest.raises(TooLargeError, match="more than the limit"):
            fetched(server)
        assert gone.wait(30)


@pytest.mark.parametrize("packing", ["gzip", "GZIP", "deflate", "br", "gzip, identity"])
def test_what_is_sent_packed_is_not_unpacked(packing: str) -> None:
    bomb = gzip.compress(bytes(2**24))
    with (
        web_server({"/": answer(bomb, content_encoding=packing)}) as server,
        pytest.raises(FetchError, match="sent a compressed answer"),
    ):
        fetched(server)


# -- answers --------------------------------------------------------------------------


@pytest.mark.parametrize("status", [204, 206, 304, 401, 404, 500])
def test_what_is_no_success_is_said(status: int) -> None:
    with (
        web_server({"/": answer(status=status)}) as server,
        pytest.raises(FetchError, match=f"127.0.0.1 answered {status} instead"),
    ):
        fetched(server)


def test_a_file_that_ends_early_is_said() -> None:
    with (
        web_server({"/": answer(FILE, content_length=len(FILE) + 1)}) as server,
        pytest.raises(FetchError, match="broke off its answer"),
    ):
        fetched(server)


def test_what_comes_after_the_declared_length_is_left() -> None:
    with web_server({"/": answer(FILE, content_length=100)}) as server:
        assert fetched(server) == FILE[:100]


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"SSH-2.0-secret\r\n",
        b"HTTP/1.1 200 OK\r\nsecret",
        b"HTTP/1.1 200 OK\r\n" + b"secret: x\r\n" * 100_000 + b"\r\n",
        answer(content_length="secret"),
        answer(content_length="-1"),
        answer(content_length="9" * 5000),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nsecret\r\n",
    ],
    ids=range(8),
)
def test_an_answer_that_is_none_is_said_and_not_repeated(said: bytes) -> None:
    with web_server({"/": said}) as server, pytest.raises(FetchError) as raised:
        fetched(server)
    assert "broke off its answer" in str(raised.value)
    assert "secret" not in str(raised.value)


def test_a_server_that_is_not_there_is_said() -> None:
    with web_server({}) as server:
        pass
    with pytest.raises(FetchError, match=r"can't connect to .* over http: check"):
        fetched(server)


# -- time -----------------------------------------------------------------------------


def slowly(connection: socket.socket, ended: threading.Event, head: bytes) -> None:
    connection.sendall(head)
    while not ended.wait(0.02):
        connection.sendall(b"x")


@pytest.mark.parametrize(
    "head", [b"HTTP/1.1 200 OK\r\nX: ", answer(content_length=LIMIT), b""]
)
def test_a_server_that_is_slow_is_left(head: bytes) -> None:
    answers: dict[str, Answer] = {}
    with web_server(answers) as server:
        answers["/"] = partial(slowly, ended=server.ended, head=head)
        with pytest.raises(
            FetchError, match=r"127.0.0.1 took longer than 0.3 s.*search_by_url"
        ):
            fetched(server, timeout_s=SOON_S)


def test_all_redirects_together_have_one_limit() -> None:
    def wait_and_lead_on(connection: socket.socket) -> None:
        server.ended.wait(SOON_S / 2)
        connection.sendall(answer(status=302, location="/"))

    with web_server({"/": wait_and_lead_on}) as server:
        with pytest.raises(FetchError, match="took longer than"):
            fetched(server, timeout_s=SOON_S)
        assert len(server.requests) < 6


def test_a_name_that_is_not_found_in_time_is_said() -> None:
    async def resolve(_: str, __: int) -> list[IPAddress]:
        await asyncio.Event().wait()
        return []

    with (
        web_server({}) as server,
        pytest.raises(FetchError, match=r"photos.test took longer than 0.3 s"),
    ):
        fetched(server, host="photos.test", resolve=resolve, timeout_s=SOON_S)


def test_only_a_few_are_fetched_at_once_and_the_others_wait() -> None:
    lock, under_way, most = threading.Lock(), 0, 0

    def count(connection: socket.socket) -> None:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        server.ended.wait(0.05)
        with lock:
            under_way -= 1
        connection.sendall(answer(FILE))

    async def fetch_all(fetcher: Fetcher, url: str) -> list[bytes]:
        return await asyncio.gather(*[fetcher.fetch(url) for _ in range(12)])

    with web_server({"/": count}) as server:
        fetcher = Fetcher(
            limits=Limits(),
            timeout_s=30,
            allowed=lambda _: True,
            ports={server.port},
        )
        url = f"http://{HERE}:{server.port}/"
        assert asyncio.run(fetch_all(fetcher, url)) == [FILE] * 12
    assert most == 4
