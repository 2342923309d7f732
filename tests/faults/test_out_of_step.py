"""Services in processes of their own that are killed get what they missed."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import httpx2
import pytest

from tests.drawing import drawn_image, encode
from tests.faults.nursery import Nursery
from tests.postgresql import asked
from tests.server import START_S, Server

NAME = "phash"
IMAGES = {seed: encode(drawn_image(seed, (60, 80))) for seed in range(40)}


class Split:
    """A gateway, and a service that runs in a process of its own."""

    def __init__(
        self, nursery: Nursery, folder: Path, catalog_url: str, port: int
    ) -> None:
        self.data = folder / "data"
        self._catalog = catalog_url or self.data / "catalog.sqlite3"
        self._elsewhere = folder / "elsewhere"
        self._nursery = nursery
        self._port = port

    @contextmanager
    def service(self) -> Iterator[Server]:
        """Run the service, at the same address each time."""
        words = (NAME, "--port", str(self._port))
        with self._nursery.started(self._elsewhere, *words) as server:
            yield server.wait_until_ready()

    @contextmanager
    def gateway(self) -> Iterator[tuple[Server, httpx2.Client]]:
        with self._nursery.serving(self.data) as (server, client):
            yield server, client

    def missed(self) -> int:
        query = f"SELECT image_id FROM missed WHERE service = '{NAME}'"  # noqa: S608 -- a constant
        return len(asked(self._catalog, query))

    def acknowledged(self) -> set[int]:
        return {i for (i,) in asked(self._catalog, "SELECT image_id FROM images")}


@pytest.fixture
def split(
    tmp_path: Path, catalog_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Split]:
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port = probe.getsockname()[1]
    # The nursery passes on its own environment: one for these tests alone.
    monkeypatch.setenv("AMBIENCE_SERVICES__PHASH__URL", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("AMBIENCE_CATALOG__URL", catalog_url)
    with Nursery(tmp_path) as nursery:
        yield Split(nursery, tmp_path, catalog_url, port)


def wait_until(so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_S
    while not so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def put(client: httpx2.Client, image_id: int, seed: int) -> str:
    answer = client.put(f"/api/images/{image_id}", files={"image": IMAGES[seed]})
    said: str = answer.raise_for_status().json()["services"][NAME]
    return said


def has(client: httpx2.Client, image_id: int, seed: int) -> bool:
    answer = client.post(f"/api/{NAME}/search?radius=0", files={"image": IMAGES[seed]})
    return answer.is_success and image_id in [
        match["image_id"] for match in answer.json()["matches"]
    ]


def held(client: httpx2.Client) -> list[int]:
    answer = client.get(f"/api/{NAME}/images")
    ids: list[int] = answer.json()["image_ids"] if answer.is_success else []
    return ids


def test_a_service_that_was_killed_is_in_step_again_by_itself(split: Split) -> None:
    with split.gateway() as (_, client), ExitStack() as down:
        service = down.enter_context(split.service())
        assert [put(client, i, i) for i in (1, 2, 3)] == ["stored"] * 3
        service.kill()
        assert "it catches up" in put(client, 4, 4)
        assert "it catches up" in put(client, 2, 12)
        client.delete("/api/images/3").raise_for_status()
        found = client.post("/api/reverse_search", files={"image": IMAGES[12]}).json()
        assert found["matches"][0]["image_id"] == 2
        assert [away["service"] for away in found["unavailable"]] == [NAME]
        metrics = client.get("/metrics").text
        assert 'ambience_service_missed{service="phash"} 3.0' in metrics
        with split.service():
            wait_until(lambda: held(client) == [1, 2, 4])
            wait_until(lambda: split.missed() == 0)
            assert has(client, 4, 4)
            assert has(client, 2, 12)
            assert not has(client, 2, 2)


def test_a_service_that_lost_its_store_gets_it_all_again(
    split: Split, tmp_path: Path
) -> None:
    with split.gateway() as (_, client):
        with split.service() as service:
            for seed in range(8):
                put(client, seed, seed)
            service.kill()
        (tmp_path / "elsewhere").rename(tmp_path / "lost")
        with split.service():
            wait_until(lambda: held(client) == list(range(8)))


def test_a_gateway_that_is_killed_forgets_nothing_that_a_service_missed(
    split: Split,
) -> None:
    acknowledged: set[int] = set()
    began = threading.Event()

    def work(url: str) -> None:
        with httpx2.Client(base_url=url, timeout=START_S) as client:
            for number in range(10_000):
                try:
                    put(client, number, number % len(IMAGES))
                except httpx2.TransportError:
                    return
                acknowledged.add(number)
                if number > 5:
                    began.set()

    for _ in range(3):
        began.clear()
        with split.gateway() as (server, _):
            client = threading.Thread(target=work, args=(server.url,))
            client.start()
            assert began.wait(START_S)
            server.kill()
            client.join(START_S)
        assert acknowledged <= split.acknowledged()
        # Each is remembered, and at most one that was under way besides.
        assert 0 <= split.missed() - len(split.acknowledged()) <= 1
    with split.gateway() as (_, http), split.service():
        wait_until(lambda: split.missed() == 0)
        assert set(held(http)) == split.acknowledged()
