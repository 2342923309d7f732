"""Work that was put off is done whoever is killed, and by whoever is left."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.drawing import drawn_image, encode
from tests.faults.nursery import Nursery
from tests.library import opened_library, write_images
from tests.server import MAIN, START_S, wait_for_backlog

COUNT = 40
MANY = 200  # more than is done by the time that a test has looked


@pytest.fixture
def nursery(
    tmp_path: Path, catalog_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Nursery]:
    # The nursery passes on its own environment: one for these tests alone.
    monkeypatch.setenv("AMBIENCE_CATALOG__URL", catalog_url)
    with Nursery(tmp_path) as nursery:
        yield nursery


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    write_images(tmp_path / "photos", MANY)
    return tmp_path / "photos"


def waiting(client: httpx2.Client) -> int:
    answer = client.get("/api/backlog").raise_for_status().json()
    return int(answer["services"]["local_features"]["waiting"])


def counts(client: httpx2.Client) -> dict[str, int]:
    return {
        name: client.get(f"/api/{name}").json()["count"]
        for name in ("phash", "color", "local_features")
    }


def known(client: httpx2.Client) -> int:
    return int(client.get("/api/images?limit=1").json()["total"])


def everywhere(count: int) -> dict[str, int]:
    return dict.fromkeys(("phash", "color", "local_features"), count)


def test_what_was_acknowledged_is_with_slow_services_after_a_kill(
    tmp_path: Path, nursery: Nursery
) -> None:
    data, pixels = tmp_path / "data", drawn_image(7, (480, 640))
    with nursery.serving(data) as (server, client):
        for number in range(COUNT):
            image = encode(pixels if number == 7 else drawn_image(number, (60, 80)))
            answer = client.put(
                f"/api/images/{number}?wait=false", files={"image": image}
            )
            assert answer.json()["services"]["local_features"] == "waiting"
        server.process.kill()
    with nursery.serving(data) as (server, client):
        wait_for_backlog(client)
        assert counts(client) == everywhere(COUNT)
        crop = encode(pixels[60:400, 100:520])
        found = client.post("/api/reverse_search", files={"image": crop}).json()
        (match,) = found["matches"]
        assert (match["image_id"], match["relation"]) == (7, "crop")
        assert "Traceback" not in server.log


def importing(data: Path, photos: Path) -> "subprocess.Popen[str]":
    words = ["import", str(photos), "--data", str(data), "--json"]
    return subprocess.Popen(
        [sys.executable, "-c", MAIN, *words], stdout=subprocess.PIPE, text=True
    )


def test_a_server_goes_on_where_an_import_was_killed(
    tmp_path: Path, nursery: Nursery, photos: Path
) -> None:
    data = tmp_path / "data"
    with nursery.serving(data) as (server, client):
        with importing(data, photos) as process:
            while known(client) < MANY:  # all is there, and some of it waits
                assert process.poll() is None
            process.kill()
        wait_for_backlog(client)
        assert counts(client) == everywhere(MANY)
        assert "Traceback" not in server.log


def test_an_import_beside_a_server_ends_when_all_is_done(
    tmp_path: Path, nursery: Nursery, photos: Path
) -> None:
    data = tmp_path / "data"
    with opened_library(data) as library:
        library.components.importer.run([photos], wait=False)
    with nursery.serving(data) as (_, client), importing(data, photos) as process:
        out, _ = process.communicate(timeout=START_S)
        assert waiting(client) == 0
        assert counts(client) == everywhere(MANY)
    report: dict[str, Any] = json.loads(out)
    assert report["skipped"] == MANY
    assert report["waiting"] == report["stuck"] == {}
    assert report["followed"].get("local_features", 0) <= MANY
