"""The gateway passes requests on as they come, and says who does not answer."""

import gzip
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.congruence.test_services import served
from tests.gateway.proxied import MATCHES, SIMILAR, form, gateway_before, saying
from tests.gateways import gateway_app
from tests.library import opened_library
from tests.scripted import GUARD_S, Got, answer, read_head, read_request, scripted

PROBLEM = "application/problem+json"
FORM = {"content-type": "multipart/form-data; boundary=b"}
STATE = b'{"name":"phash","available":true,"count":0,"index":{"lag":0}}'


def test_an_upload_is_passed_on_while_it_arrives(tmp_path: Path) -> None:
    begun, rest = threading.Event(), threading.Event()
    got: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        _, body = read_head(connection)
        while b"first" not in body:
            body += connection.recv(2**16)
        begun.set()
        while b"0\r\n\r\n" not in body:
            body += connection.recv(2**16)
        got.append(body)
        connection.sendall(answer(MATCHES))

    def body() -> Iterator[bytes]:
        yield b"first"
        assert begun.wait(GUARD_S)  # the rest is not there before that has got through
        rest.set()
        yield b"second"

    with gateway_before(serve, tmp_path) as client:
        said = client.post("/api/phash/search?k=1", content=body())
    assert (said.status_code, said.content) == (200, MATCHES)
    assert rest.is_set()
    assert b"second" in got[0]


def test_an_upload_is_not_held(tmp_path: Path) -> None:
    piece, count = bytes(2**20), 48
    read, furthest = 0, 0

    def serve(connection: socket.socket) -> None:
        nonlocal read
        _, body = read_head(connection)
        read = len(body)
        while read < count * len(piece):
            read += len(connection.recv(2**16))
        connection.sendall(answer(MATCHES))

    def body() -> Iterator[bytes]:
        nonlocal furthest
        for number in range(count):
            furthest = max(furthest, number * len(piece) - read)
            yield piece

    with gateway_before(serve, tmp_path) as client:
        headers = {"content-length": str(count * len(piece)), **FORM}
        said = client.post("/api/phash/search?k=1", content=body(), headers=headers)
    assert said.content == MATCHES
    assert furthest < 24 * 2**20  # what the sockets of two connections may hold


def test_an_upload_over_the_limit_ends_here(tmp_path: Path) -> None:
    cut = threading.Event()

    def serve(connection: socket.socket) -> None:
        read_head(connection)
        try:
            while connection.recv(2**16):
                pass
        finally:
            cut.set()

    def body() -> Iterator[bytes]:
        for _ in range(80):
            yield bytes(2**20)

    with gateway_before(serve, tmp_path) as client:
        said = client.put("/api/phash/images/7", content=body(), headers=FORM)
        assert (said.status_code, said.headers["content-type"]) == (413, PROBLEM)
        assert cut.wait(GUARD_S)


def test_a_client_that_goes_takes_its_request_along(tmp_path: Path) -> None:
    asked, gone = threading.Event(), threading.Event()

    def serve(connection: socket.socket) -> None:
        read_request(connection)
        asked.set()
        try:
            while connection.recv(2**16):
                pass
        finally:
            gone.set()

    with gateway_before(serve, tmp_path) as client:
        url = client.base_url
        with socket.create_connection((url.host, url.port or 0)) as raw:
            raw.sendall(f"GET {SIMILAR} HTTP/1.1\r\nhost: a\r\n\r\n".encode())
            assert asked.wait(GUARD_S)
        assert gone.wait(GUARD_S)


def test_a_message_is_passed_on_without_what_belongs_to_its_connection(
    tmp_path: Path,
) -> None:
    got: list[Got] = []
    more = "x-kept: 1\r\nx-own: 2\r\nconnection: x-own, keep-alive\r\nserver: other\r\n"
    serve = saying(answer(MATCHES, more=more), got=got)
    with gateway_before(serve, tmp_path, path="/base") as client:
        headers = {"connection": "x-hop", "x-hop": "1", "te": "trailers", "x-end": "2"}
        headers |= {"origin": str(client.base_url)}  # ours, and not the service's
        said = client.get(f"{SIMILAR}&a=%2F", headers=headers)
        host = f"{client.base_url.host}:"
    assert got[0].first_line == f"GET /base{SIMILAR}&a=%2F HTTP/1.1"
    assert got[0].header("x-end") == "2"
    assert [got[0].header(name) for name in ("x-hop", "te", "origin")] == [None] * 3
    assert (got[0].header("host") or "").startswith(host)
    assert got[0].header("host") != said.request.headers["host"]
    assert said.headers["x-kept"] == "1"
    assert "x-own" not in said.headers
    assert said.headers["server"] != "other"


def test_an_account_in_the_address_is_for_the_service_only(tmp_path: Path) -> None:
    got: list[Got] = []
    with scripted(saying(answer(b"<h1>no</h1>", kind="text/html"), got=got)) as url:
        services = {"phash": {"url": url.replace("//", "//me:secret@")}}
        with (
            opened_library(tmp_path, services=services, enabled=["phash"]) as library,
            served(gateway_app(library)) as ours,
        ):
            said = httpx2.get(f"{ours}{SIMILAR}")
    assert got[0].header("authorization") == "Basic bWU6c2VjcmV0"
    assert said.status_code == 503
    assert "secret" not in said.text


def test_a_large_answer_is_passed_on_whole(tmp_path: Path) -> None:
    body = b'"' + b"a" * (8 * 2**20) + b'"'
    chunked = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
    chunked += b"transfer-encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (
        len(body),
        body,
    )
    with gateway_before(saying(answer(body), chunked), tmp_path) as client:
        for _ in range(2):
            assert client.get(SIMILAR).content == body


STRANGERS = {
    "no HTTP": (b"220 mail ready\r\n\r\n", "RemoteProtocolError"),
    "nothing": (b"", "RemoteProtocolError"),
    "half a head": (b"HTTP/1.1 200 O", "RemoteProtocolError"),
    "a page": (answer(b"<h1>It works!</h1>", kind="text/html"), "200 OK"),
    "elsewhere": (
        answer(status="301 Moved", more="location: http://127.0.0.1:9/\r\n"),
        "301 Moved Permanently",
    ),
    "a 404 of a proxy": (answer(status="404 Not", kind="text/html"), "404 Not Found"),
    "a 404 in JSON": (answer(b'{"detail":"no"}', status="404 Not"), "404 Not Found"),
    "a refusal of its own": (
        answer(b'{"detail":"no name of mine"}', status="421 Mis", kind=PROBLEM),
        "answered 421: no name of mine",
    ),
    "no success of ours": (answer(status="201 Created"), "201 Created"),
}


@pytest.mark.parametrize("what", STRANGERS)
def test_what_is_no_answer_of_a_service_is_said(what: str, tmp_path: Path) -> None:
    said, words = STRANGERS[what]
    with gateway_before(saying(said), tmp_path) as client:
        for method, path in [
            ("GET", SIMILAR),
            ("POST", "/api/phash/search?k=1"),
            ("PUT", "/api/phash/images/7"),
        ]:
            files = None if method == "GET" else form(b"data")
            found = client.request(method, path, files=files)
            assert (found.status_code, found.headers["content-type"]) == (503, PROBLEM)
            assert words in found.json()["detail"], path
        state = client.get("/api/phash").json()
        assert (state["name"], state["available"]) == ("phash", False)


def test_a_missing_service_is_no_missing_image(tmp_path: Path) -> None:
    missing = answer(b'{"detail":"nothing here"}', status="404 Not", kind=PROBLEM)
    with gateway_before(saying(missing, missing), tmp_path / "a") as client:
        assert client.get(SIMILAR).status_code == 503
    each = map(saying, (missing, answer(STATE)))

    def serve(connection: socket.socket) -> None:
        next(each)(connection)  # its state is asked for on another connection

    with gateway_before(serve, tmp_path / "b") as client:
        said = client.get(SIMILAR)
        assert (said.status_code, said.json()) == (404, {"detail": "nothing here"})


def test_half_an_answer_is_not_taken_for_a_whole_one(tmp_path: Path) -> None:
    half = answer(MATCHES)[:-5]
    with gateway_before(saying(half), tmp_path) as client:
        with pytest.raises(httpx2.RemoteProtocolError):
            client.get(SIMILAR)
        assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize("drips", [False, True])
def test_a_service_is_waited_for_no_longer_than_its_limit(
    *,
    drips: bool,
    tmp_path: Path,
) -> None:
    over = threading.Event()

    def serve(connection: socket.socket) -> None:
        read_request(connection)
        if drips:
            connection.sendall(b"HTTP/1.1 200 OK\r\nx: ")
        while drips and not over.wait(0.01):
            connection.sendall(b"a")
        assert over.wait(GUARD_S)

    with gateway_before(serve, tmp_path, timeout_s=0.2) as client:
        said = client.get(SIMILAR)
        state = client.get("/api/phash").json()
        over.set()
    assert said.status_code == 503
    assert "within 0.2 s" in said.json()["detail"]
    assert "services.phash.timeout_s" in said.json()["detail"]
    assert "within 0.2 s" in state["reason"]


def test_a_slow_client_is_not_counted_against_the_service(tmp_path: Path) -> None:
    said = threading.Event()

    def body() -> Iterator[bytes]:
        yield b"first"
        assert not said.wait(1.5)  # longer than the limit, and nothing has happened
        yield b"second"

    with gateway_before(saying(answer(MATCHES)), tmp_path, timeout_s=1) as client:
        headers = {"content-length": "11"}
        found = client.post("/api/phash/search?k=1", content=body(), headers=headers)
        said.set()
    assert found.content == MATCHES


def test_a_packed_answer_is_passed_on_as_it_is(tmp_path: Path) -> None:
    packed = answer(gzip.compress(MATCHES), more="content-encoding: gzip\r\n")
    with gateway_before(saying(packed), tmp_path) as client:
        said = client.get(SIMILAR)
    assert (said.headers["content-encoding"], said.content) == ("gzip", MATCHES)


def test_a_cookie_of_one_client_is_not_shown_for_another(tmp_path: Path) -> None:
    got: list[Got] = []
    said = answer(MATCHES, more="set-cookie: who=me\r\n")
    with gateway_before(saying(said, said, got=got), tmp_path) as client:
        first = client.get(SIMILAR)
        client.cookies.clear()
        client.get(SIMILAR)
    assert first.cookies["who"] == "me"
    assert got[1].header("cookie") is None


def test_no_proxy_of_the_environment_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with gateway_before(saying(answer(MATCHES)), tmp_path) as client:
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
        assert client.get(SIMILAR).content == MATCHES
