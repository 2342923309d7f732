"""A server without file descriptors says so, and works again once there are some."""

import errno
import os
import re
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

import httpx2
import numpy as np
import pytest

from ambience.core.errors import UnavailableError
from ambience.core.file_descriptors import is_shortage
from ambience.imaging import DEFAULT_LIMITS, ImageFile
from ambience.imaging.decoder_pool import DecoderPool
from ambience.imaging.image_header import open_image
from tests.drawing import drawn_image, encode
from tests.faults.hostile import check_problem
from tests.server import START_S, Server, serving

if sys.platform != "linux":
    pytest.skip("limits of another process are set there only", allow_module_level=True)

import resource

FEW = 8  # fewer than it has: those that it has stay, and no other can be had
CALLERS = 60
MAX_LOG_BYTES = 2**16
SMALL = encode(drawn_image(3, (60, 80)), "JPEG")
# More than a form keeps in memory: it needs a file.
LARGE = encode(
    np.random.default_rng(1).integers(0, 256, (1000, 1500, 3), np.uint8),
    "JPEG",
    quality=95,
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    data = tmp_path_factory.mktemp("descriptors") / "data"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AMBIENCE_ENABLED", '["phash", "color"]')
        with serving(data) as (server, client):
            for number in (1, 2):
                put = client.put(f"/api/images/{number}", files={"image": SMALL})
                put.raise_for_status()
            # The first search loads libraries, from files.
            client.post(
                "/api/reverse_search", files={"image": SMALL}
            ).raise_for_status()
            yield server
            assert server.stop() == 0


@contextmanager
def without_descriptors(server: Server) -> Iterator[None]:
    """Let a server open nothing more while the block runs."""
    pid, kind = server.process.pid, resource.RLIMIT_NOFILE
    soft, hard = resource.prlimit(pid, kind)
    resource.prlimit(pid, kind, (FEW, hard))
    try:
        yield
    finally:
        resource.prlimit(pid, kind, (soft, hard))


def answer(
    server: Server, method: str, path: str, *, image: bytes | None = None
) -> httpx2.Response:
    """Ask a server that has no descriptors, over a connection that it has already."""
    files = None if image is None else {"image": image}
    for _ in range(5):
        with server.client() as client:
            client.get("/healthz").raise_for_status()
            try:
                with without_descriptors(server):
                    return client.request(method, path, files=files)
            except httpx2.TransportError:
                continue  # a connection at rest is closed after some seconds
    raise AssertionError("it gave no answer")


@pytest.mark.parametrize(
    ("method", "path", "image"),
    [
        ("GET", "/api/images/1/file", None),
        ("GET", "/api/images/1/view", None),
        ("GET", "/api/images/1/thumbnail", None),
        ("PUT", "/api/images/7", SMALL),
        ("PUT", "/api/images/7", LARGE),
        ("PUT", "/api/images/1", LARGE),
        ("PUT", "/api/color/images/7", LARGE),
        ("POST", "/api/reverse_search", LARGE),
        ("POST", "/api/phash/search?k=1", LARGE),
    ],
)
def test_what_needs_a_file_is_refused_with_the_reason(
    server: Server, method: str, path: str, image: bytes | None
) -> None:
    said = check_problem(answer(server, method, path, image=image), 503)
    assert "file descriptors" in said
    with server.client() as client:
        files = None if image is None else {"image": image}
        again = client.request(method, path, files=files)
        assert again.is_success


@pytest.mark.parametrize(
    ("method", "path", "image"),
    [
        ("GET", "/api/images", None),
        ("GET", "/api/images/1", None),
        ("GET", "/metrics", None),
        ("POST", "/api/reverse_search", SMALL),
        ("PUT", "/api/color/images/8", SMALL),
        ("DELETE", "/api/color/images/8", None),
    ],
)
def test_what_needs_none_is_answered(
    server: Server, method: str, path: str, image: bytes | None
) -> None:
    assert answer(server, method, path, image=image).is_success


def test_clients_wait_meanwhile_and_the_log_stays_short(server: Server) -> None:
    address = urlsplit(server.url)
    request = f"GET /api/images HTTP/1.1\r\nhost: {address.netloc}\r\n\r\n".encode()
    with ExitStack() as opened:
        with without_descriptors(server):
            waiting = [
                opened.enter_context(
                    socket.create_connection((address.hostname, address.port), START_S)
                )
                for _ in range(CALLERS)
            ]
            for connection in waiting:
                connection.sendall(request)
            deadline = time.monotonic() + START_S
            while "out of system resource" not in server.log:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        for connection in waiting:
            assert connection.recv(12) == b"HTTP/1.1 200"
    with server.client() as client:
        assert client.get("/api/images/1/file").content in {SMALL, LARGE}
    assert len(server.log) < MAX_LOG_BYTES


def test_the_same_refusal_is_not_logged_each_time(server: Server) -> None:
    before = len(server.log)
    for _ in range(40):
        answer(server, "GET", "/api/images/1/file")
    assert len(server.log) - before < MAX_LOG_BYTES


def test_a_server_takes_the_descriptors_that_it_may_have(server: Server) -> None:
    soft, hard = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
    assert soft == min(hard, 65_536) if hard > 0 else soft == 65_536


def test_a_want_of_descriptors_is_known_by_what_led_to_it() -> None:
    want = OSError(errno.EMFILE, os.strerror(errno.EMFILE))
    told = RuntimeError("it failed")
    told.__cause__ = want
    assert is_shortage(want)
    assert is_shortage(told)
    assert is_shortage(ImportError(f"libheif.so: {os.strerror(errno.ENFILE)}"))
    assert not is_shortage(OSError(errno.ENOSPC, "no space"))
    assert not is_shortage(None)


def test_no_image_is_taken_to_be_damaged(monkeypatch: pytest.MonkeyPatch) -> None:
    def want(*_: object) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr("ambience.imaging.image_header.decoder", want)
    with pytest.raises(OSError, match=re.escape(os.strerror(errno.EMFILE))):
        open_image(SMALL, DEFAULT_LIMITS)


def test_an_image_that_no_process_can_be_started_for_is_not_damaged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def want(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with monkeypatch.context() as patch:
        patch.setattr("ambience.imaging.decoder_pool.WorkerProcess", want)
        file = ImageFile(SMALL)
        pool = DecoderPool(1)
        patch.setattr("ambience.imaging.decoder_client.shared_pool", lambda: pool)
        with pytest.raises(UnavailableError, match="Too many open files"):
            _ = file.info
    assert file.info.size == (60, 80)
