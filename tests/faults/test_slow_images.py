"""An image that never ends holds up neither the server nor its end."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import psutil
import pytest

from tests.drawing import drawn_image, encode
from tests.faults.hostile import check_problem
from tests.library import write_images
from tests.server import MAIN, STOP_S, serving
from tests.slow_images import repeated_scans, slow_image

WAIT_S = 120  # generous: a busy machine starts processes slowly
SMALL = encode(drawn_image(1, (60, 80)))
LONG = {"AMBIENCE_LIMITS__MAX_DECODE_S": "600"}  # what ends a decode is not its time

pytestmark = pytest.mark.skipif(os.name == "nt", reason="no process is halted there")


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def workers(parent: psutil.Process) -> list[psutil.Process]:
    """The processes that decode for another one."""
    return [p for p in parent.children() if "ambience.imaging.worker" in p.cmdline()]


def is_dead(process: psutil.Process) -> bool:
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


@contextmanager
def all_halted(parent: psutil.Process) -> Iterator[threading.Event]:
    """Halt the processes that decode, also those still to come; say when one is."""
    halted, over = threading.Event(), threading.Event()

    def halt() -> None:
        while not over.wait(0.005):
            try:
                for process in workers(parent):
                    process.suspend()
                    halted.set()
            except psutil.NoSuchProcess:
                continue

    thread = threading.Thread(target=halt)
    thread.start()
    try:
        yield halted
    finally:
        over.set()
        thread.join()


def ask_and_wait(url: str, method: str, path: str) -> threading.Thread:
    """Send an image on a thread, whatever becomes of it."""

    def ask() -> None:
        try:
            httpx2.request(method, url + path, files={"image": SMALL}, timeout=WAIT_S)
        except httpx2.TransportError:
            return  # the server hung up

    thread = threading.Thread(target=ask)
    thread.start()
    return thread


def test_slow_images_are_refused_and_the_next_is_decoded(tmp_path: Path) -> None:
    short = {"AMBIENCE_LIMITS__MAX_DECODE_S": "1"}
    with serving(tmp_path / "data", environment=short) as (server, client):
        many = {"image": repeated_scans(2000)}
        assert "scans" in check_problem(
            client.post("/api/reverse_search", files=many), 413
        )
        for path in ("/api/reverse_search", "/api/phash/search?k=5"):
            answer = client.post(path, files={"image": slow_image()})
            assert "max_decode_s" in check_problem(answer, 422)
        client.put("/api/images/1", files={"image": SMALL}).raise_for_status()
        assert client.get("/healthz").is_success
        assert client.get("/readyz").json()["decoding"] is None
        assert "Traceback" not in server.log


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_ends_although_images_never_do(tmp_path: Path, number: int) -> None:
    photos = tmp_path / "photos"
    write_images(photos, 3)
    how = {"environment": LONG}
    options = ("--import", str(photos))
    with serving(tmp_path / "data", *options, **how) as (server, _):
        with all_halted(server.process) as halted:
            asks = [
                ask_and_wait(server.url, "POST", "/api/reverse_search"),
                ask_and_wait(server.url, "PUT", "/api/images/9"),
            ]
            assert halted.wait(WAIT_S)
            time.sleep(0.2)  # the images are in the line or in a process
            assert server.stop(number) == 0
        for ask in asks:
            ask.join(WAIT_S)
        assert "Traceback" not in server.log


def test_a_client_that_hangs_up_frees_what_decodes_for_it(tmp_path: Path) -> None:
    with serving(tmp_path / "data", environment=LONG) as (server, client):
        client.put("/api/images/1", files={"image": SMALL}).raise_for_status()
        halted = workers(server.process)
        for worker in halted:
            worker.suspend()
        request = httpx2.Request(
            "POST", f"{server.url}/api/reverse_search", files={"image": SMALL}
        )
        body = request.read()
        lines = [f"{name}: {value}" for name, value in request.headers.items()]
        head = "\r\n".join(["POST /api/reverse_search HTTP/1.1", *lines, "", ""])

        def ask_and_hang_up() -> bool:
            address = (request.url.host, request.url.port)
            with socket.create_connection(address) as connection:
                connection.sendall(head.encode() + body)
                time.sleep(0.5)  # it is being decoded; on a busy machine, soon
            return any(is_dead(worker) for worker in halted)

        until(ask_and_hang_up)
        answer = client.post("/api/reverse_search", files={"image": SMALL})
        assert answer.json()["matches"]
        assert "Traceback" not in server.log


def test_a_process_that_breaks_down_is_one_refusal(tmp_path: Path) -> None:
    with serving(tmp_path / "data", environment=LONG) as (server, client):
        client.put("/api/images/1", files={"image": SMALL}).raise_for_status()
        halted = workers(server.process)
        for worker in halted:
            worker.suspend()
        answers: list[httpx2.Response] = []

        def ask() -> None:
            with server.client() as other:
                files = {"image": SMALL}
                answers.append(other.post("/api/reverse_search", files=files))

        thread = threading.Thread(target=ask)
        thread.start()
        time.sleep(0.5)  # it is handed over
        for worker in halted:
            worker.kill()
        thread.join(WAIT_S)
        answer = client.post("/api/reverse_search", files={"image": SMALL})
        assert answer.json()["matches"]
        assert answers[0].is_success or check_problem(answers[0], 422)


def test_an_import_ends_at_the_second_interrupt(tmp_path: Path) -> None:
    photos, data = tmp_path / "photos", tmp_path / "data"
    write_images(photos, 6)
    words = [sys.executable, "-c", MAIN, "import", str(photos), "--data", str(data)]
    with subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **LONG},
    ) as process:
        guard = threading.Timer(WAIT_S, process.kill)  # so that no test hangs
        guard.start()
        with all_halted(psutil.Process(process.pid)) as halted:
            assert halted.wait(WAIT_S)
            process.send_signal(signal.SIGINT)
            time.sleep(1)  # as a user who sees that it goes on
            assert process.poll() is None
            process.send_signal(signal.SIGINT)
            said, log = process.communicate(timeout=STOP_S)
        guard.cancel()
    assert process.returncode == 130
    assert "Traceback" not in log + said
    assert not list((data / "locks").iterdir())
