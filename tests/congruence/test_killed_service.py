"""A killed or stopped service only shortens the answer, and comes back by itself."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.testclient import TestClient

from ambience import registry
from tests.drawing import drawn_image, encode
from tests.gateways import gateway_app
from tests.library import opened_library
from tests.server import START_S, Server, started

SCENE = drawn_image(70, (300, 400))
IMAGES = {
    1: encode(SCENE),
    **{seed: encode(drawn_image(seed, (60, 80))) for seed in range(2, 6)},
}
QUERIES = {
    "file": IMAGES[2],
    "copy": encode(drawn_image(3, (120, 160)), "JPEG", quality=60),
    "crop": encode(SCENE[40:220, 90:330]),
    "stranger": encode(drawn_image(99, (60, 80))),
}
HUNG_S = 6  # how long a stopped service is waited for: far longer than any search here

Found = dict[str, Any]


@dataclass
class Split:
    """A gateway and its services, each in a process of its own.

    Attributes:
        folder: Where their data is.
        services: By name.
        client: Of the gateway.
        stack: Ends all of it.
    """

    folder: Path
    services: dict[str, Server]
    client: httpx2.Client
    stack: ExitStack

    def start_again(self, name: str) -> None:
        """Start a service that was killed, at the address that it had."""
        port = self.services[name].url.rpartition(":")[2]
        server = started(self.folder / name, name, "--port", port)
        self.services[name] = self.stack.enter_context(server).wait_until_ready()


def filled(client: httpx2.Client) -> None:
    for image_id, image in IMAGES.items():
        answer = client.put(f"/api/images/{image_id}", files={"image": image})
        assert set(answer.json()["services"].values()) == {"stored"}


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A gateway with its services in this process."""
    data = tmp_path_factory.mktemp("here") / "data"
    with (
        opened_library(data) as library,
        TestClient(gateway_app(library)) as client,
    ):
        filled(client)
        yield client


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Split]:
    folder = tmp_path_factory.mktemp("split")
    with ExitStack() as stack:
        services = {
            name: stack.enter_context(started(folder / name, name))
            for name in registry.BUILTIN
        }
        environment = {"AMBIENCE_SERVICES__COLOR__TIMEOUT_S": str(HUNG_S)}
        for name, server in services.items():
            url = server.wait_until_ready().url
            environment[f"AMBIENCE_SERVICES__{name.upper()}__URL"] = url
        gateway = started(folder / "gateway", environment=environment)
        client = stack.enter_context(
            stack.enter_context(gateway).wait_until_ready().client()
        )
        filled(client)
        yield Split(folder, services, client, stack)


def search(client: httpx2.Client, query: str, *, services: str = "") -> Found:
    """Return an answer but for the time that it took."""
    form = {"services": services}
    answer = client.post(
        "/api/reverse_search", files={"image": QUERIES[query]}, data=form
    )
    assert answer.status_code == 200, answer.text
    found: Found = answer.json()
    for said in found["services"].values():
        del said["took_ms"]
    return found


def without(client: httpx2.Client, query: str, name: str) -> Found:
    """Return the answer of all services but one."""
    others = ",".join(other for other in registry.BUILTIN if other != name)
    return search(client, query, services=others)


def names(found: Found) -> list[str]:
    return [away["service"] for away in found["unavailable"]]


def wait_for(client: httpx2.Client, name: str) -> None:
    """Search until a service takes part again."""
    deadline = time.monotonic() + START_S
    while names(search(client, "file", services=name)):
        assert time.monotonic() < deadline, f"{name} does not come back"


@pytest.mark.parametrize("query", QUERIES)
def test_one_process_and_many_find_the_same(
    here: TestClient, split: Split, query: str
) -> None:
    found = search(split.client, query)
    assert found == search(here, query)
    assert found["unavailable"] == []
    assert bool(found["matches"]) == (query != "stranger")


def test_a_killed_service_only_shortens_the_answer_and_comes_back(
    here: TestClient, split: Split
) -> None:
    for name in registry.BUILTIN:
        split.services[name].kill()
        for query in QUERIES:
            found, expected = search(split.client, query), without(here, query, name)
            (away,) = found["unavailable"]
            assert away["service"] == name
            assert (
                f"{name} does not answer at {split.services[name].url}"
                in (away["reason"])
            )
            assert found["services"] == expected["services"]
            assert found["matches"] == expected["matches"]
        alone = split.client.get(f"/api/{name}/images/3/similar?k=1")
        assert alone.status_code == 503
        assert split.client.get(f"/api/{name}").json()["available"] is False
        put = split.client.put("/api/images/3", files={"image": IMAGES[3]}).json()
        assert [n for n, s in put["services"].items() if s != "stored"] == [name]
        split.start_again(name)
        for query in QUERIES:
            assert search(split.client, query) == search(here, query)


def test_searches_under_way_are_answered_while_a_service_is_killed(
    here: TestClient, split: Split
) -> None:
    whole = search(here, "copy")
    short = without(here, "copy", "phash")
    some, seen_short = threading.Semaphore(0), threading.Event()

    def searches(_: int) -> list[Found]:
        found: list[Found] = []
        while not (seen_short.is_set() and names(found[-1])):
            found.append(search(split.client, "copy"))
            some.release()
            if names(found[-1]):
                seen_short.set()
        return found

    with ThreadPoolExecutor(4) as pool:
        callers = pool.map(searches, range(4))
        for _ in range(4):
            assert some.acquire(timeout=START_S)
        split.services["phash"].kill()
        answers = [found for one in callers for found in one]
    assert whole in answers
    for found in answers:
        expected = short if names(found) else whole
        assert found["services"] == expected["services"]
        assert found["matches"] == expected["matches"]
    split.start_again("phash")
    assert search(split.client, "copy") == whole


def test_a_stopped_service_is_waited_for_once_and_comes_back(
    here: TestClient, split: Split
) -> None:
    stopped = split.services["color"].process
    expected = without(here, "copy", "color")
    stopped.suspend()
    try:
        reasons = []
        for _ in range(2):
            found = search(split.client, "copy")
            assert names(found) == ["color"]
            reasons.append(found["unavailable"][0]["reason"])
            assert found["services"] == expected["services"]
            assert found["matches"] == expected["matches"]
        assert f"within {HUNG_S} s" in reasons[0]
        assert "left out" in reasons[1]
        alone = split.client.get("/api/color/images/3/similar?k=1")
        assert (alone.status_code, f"within {HUNG_S} s" in alone.text) == (503, True)
    finally:
        stopped.resume()
    wait_for(split.client, "color")
    assert search(split.client, "copy") == search(here, "copy")
