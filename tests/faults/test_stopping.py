"""A server that is asked to stop finishes what it acknowledged, and ends soon."""

import json
import signal
import subprocess
import sys
import threading
from pathlib import Path

import httpx2
import pytest

from ambience.registry import BUILTIN
from tests.drawing import drawn_image, encode
from tests.library import write_images
from tests.rounds import rounds
from tests.server import (
    MAIN,
    START_S,
    STOP_S,
    serving,
    started,
    wait_for_backlog,
)

MANY = 400  # images: more than an import gets through before it is stopped
SIGNALS = [signal.SIGTERM, signal.SIGINT]
ONE = rounds(1, slow=2)  # of them, where a test takes long


def newest_snapshots(data: Path) -> list[int]:
    """The last change that is in a snapshot, for each service; 0: in none."""
    folders = [(data / "services" / name / "index") for name in BUILTIN]
    return [
        max((int(p.name.split("-")[0]) for p in folder.glob("0*-*")), default=0)
        for folder in folders
    ]


def put_until_it_stops(
    url: str, acknowledged: list[int], began: threading.Event
) -> None:
    """Add images one after the other, as long as the server answers."""
    with httpx2.Client(base_url=url, timeout=START_S) as client:
        for number in range(10_000):
            image = encode(drawn_image(number, (60, 80)))
            try:
                answer = client.put(f"/api/images/{number}", files={"image": image})
            except httpx2.TransportError:
                return
            if not answer.is_success:
                return
            acknowledged.append(number)
            if len(acknowledged) == 5:
                began.set()


@pytest.mark.parametrize("number", SIGNALS)
def test_what_was_acknowledged_before_a_stop_is_there(
    tmp_path: Path, number: int
) -> None:
    acknowledged: list[int] = []
    began = threading.Event()
    data = tmp_path / "data"
    with started(data).wait_until_ready() as server:
        client = threading.Thread(
            target=put_until_it_stops, args=(server.url, acknowledged, began)
        )
        client.start()
        assert began.wait(START_S)
        assert server.stop(number) == 0
        client.join(STOP_S)
        assert "Traceback" not in server.log
    changes = newest_snapshots(data)
    assert min(changes) >= len(acknowledged)
    assert list((data / "locks").iterdir()) == []
    with serving(data) as (server, http):
        for name, seq in zip(BUILTIN, changes, strict=True):
            state = http.get(f"/api/{name}").json()
            # Each image is one change here: all that is stored was in the snapshot.
            assert (state["count"], state["index"]["lag"]) == (seq, 0)
        for image_id in acknowledged:
            assert http.get(f"/api/phash/images/{image_id}/similar?k=1").is_success
            assert http.get(f"/api/images/{image_id}/file").is_success


@pytest.mark.parametrize("number", SIGNALS[:ONE])
def test_a_stop_during_an_import_keeps_what_was_written(
    tmp_path: Path, number: int
) -> None:
    photos, data = tmp_path / "photos", tmp_path / "data"
    write_images(photos, MANY)
    with started(data, "--import", str(photos)).wait_until_ready() as server:
        with server.client() as client:
            while client.get("/api/images").json()["total"] == 0:
                pass
        assert server.stop(number) == 0
        report = server.said()
        assert "Traceback" not in server.log
    assert report is not None
    added = report["import"]["added"]
    assert report["import"]["stopped"]
    assert 0 < added < MANY
    *quick, slow = newest_snapshots(data)
    assert quick == [added] * len(quick)
    assert slow <= added  # and what it did not get is not forgotten
    with serving(data) as (server, client):
        wait_for_backlog(client)
        assert client.get("/api/images").json()["total"] == added
        for name in BUILTIN:
            state = client.get(f"/api/{name}").json()
            assert (state["count"], state["index"]["lag"]) == (added, 0)


def importing(data: Path, photos: Path) -> "subprocess.Popen[str]":
    words = ["import", str(photos), "--data", str(data), "--json"]
    return subprocess.Popen(
        [sys.executable, "-c", MAIN, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("number", SIGNALS[-ONE:])
def test_an_import_that_was_stopped_goes_on(tmp_path: Path, number: int) -> None:
    photos, data = tmp_path / "photos", tmp_path / "data"
    write_images(photos, MANY)
    with importing(data, photos) as first:
        while not list((data / "thumbnails").glob("*/*.webp")):
            assert first.poll() is None
        first.send_signal(number)
        said, log = first.communicate(timeout=STOP_S)
    report = json.loads(said)
    assert (first.returncode, log) == (0, "")
    assert report["stopped"]
    assert 0 < report["added"] < MANY
    with importing(data, photos) as second:
        said, _ = second.communicate(timeout=START_S)
    then = json.loads(said)
    assert second.returncode == 0
    assert not then["stopped"]
    assert then["skipped"] == report["added"]
    assert then["added"] == MANY - report["added"]
    assert then["failed"] == []
