"""The deployment's settings, running: split, and one process again."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import httpx2
import pytest

from ambience.cli.http_server import bound
from tests.deploy.places import DEPLOY, ENABLED, PORTS
from tests.library import write_images
from tests.server import Server, serving, started, wait_for_backlog

COUNT = 4


def put_settings(name: str, folder: Path, urls: dict[str, str]) -> None:
    """Put a settings file where ambience looks, with other addresses of services."""
    text = (DEPLOY / "settings" / f"{name}.toml").read_text(encoding="utf-8")
    for service, url in urls.items():
        usual = f"http://127.0.0.1:{PORTS[service]}"
        assert usual in text
        text = text.replace(usual, url)
    (folder / "ambience.toml").write_text(text, encoding="utf-8")


@pytest.fixture
def apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def services(apart: Path) -> Iterator[dict[str, Server]]:
    """Each service in a process of its own, as on another machine."""
    with ExitStack() as stack:
        put_settings("service", apart, {})
        running = {
            name: stack.enter_context(
                started(apart / name, name, "--host", "127.0.0.1")
            )
            for name in ENABLED
        }
        yield {name: server.wait_until_ready() for name, server in running.items()}


def check_all_are_found(client: httpx2.Client, photos: list[Path]) -> None:
    wait_for_backlog(client)
    assert client.get("/api/images").json()["total"] == COUNT
    for name in ENABLED:
        assert client.get(f"/api/{name}").json()["count"] == COUNT
    for path in photos:
        answer = client.post("/api/reverse_search", files={"image": path.read_bytes()})
        found = answer.raise_for_status().json()
        assert found["unavailable"] == []
        assert found["matches"][0]["relation"] == "same_file"
        assert set(found["services"]) == set(ENABLED)


def test_a_split_finds_what_it_imported_and_becomes_one_process_by_moving_folders(
    apart: Path, services: dict[str, Server]
) -> None:
    photos, data = write_images(apart / "photos", COUNT), apart / "gateway"
    put_settings("gateway", apart, {name: s.url for name, s in services.items()})
    with serving(data, "--import", str(apart / "photos")) as (gateway, client):
        report = gateway.said()
        assert report is not None
        assert report["import"]["added"] == COUNT
        wait_for_backlog(client)
        check_all_are_found(client, photos)
        assert gateway.stop() == 0
    for name, server in services.items():
        assert server.stop() == 0
        assert not (data / "services" / name).exists()
        shutil.move(apart / name / "services" / name, data / "services" / name)

    put_settings("all-in-one", apart, {})
    with serving(data) as (_, client):
        check_all_are_found(client, photos)


def test_a_service_answers_to_its_names_only(services: dict[str, Server]) -> None:
    for server in services.values():
        with server.client() as client:
            asked = {"features.example.org": 200, "evil.example": 421}
            for host, status in asked.items():
                answer = client.get("/healthz", headers={"host": host})
                assert answer.status_code == status


def health(port: int) -> "subprocess.CompletedProcess[str]":
    """Run the health check, where a proxy leads nowhere."""
    return subprocess.run(
        [sys.executable, DEPLOY / "health.py", str(port)],
        capture_output=True,
        text=True,
        check=False,
        env={"http_proxy": "http://127.0.0.1:9"},
    )


def test_the_health_check_tells_a_server_that_answers(apart: Path) -> None:
    with serving(apart / "data", "phash") as (server, _):
        port = int(server.url.rpartition(":")[2])
        alive = health(port)
        assert (alive.returncode, alive.stderr) == (0, "")


def test_the_health_check_tells_a_port_where_nobody_answers() -> None:
    with closing(bound("127.0.0.1", 0)) as silent:  # taken, and not listening
        port = silent.getsockname()[1]
        dead = health(port)
    assert dead.returncode == 1
    assert dead.stderr.startswith(f"no answer from http://127.0.0.1:{port}/healthz")
    assert dead.stderr.count("\n") == 1
