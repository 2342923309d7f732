"""The gateway answers alike, wherever its services run, and says who is lost."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from ambience.cli.system import open_backends
from ambience.core.settings import load_settings
from ambience.gateway.app import create_gateway
from ambience.imaging import Limits
from ambience.web.app import create_app
from tests.congruence.test_backends import served
from tests.drawing import drawn_image, encode
from tests.library import opened_system

IMAGE = encode(drawn_image(1, (60, 80)))
LIMITS = Limits(max_bytes=2**20)


@contextmanager
def gateway(data: Path, urls: Mapping[str, str]) -> Iterator[TestClient]:
    """Give a client of a gateway whose services run at some addresses."""
    services = {name: {"url": url} for name, url in urls.items()}
    with (
        opened_system(data, services=services, limits={"max_file_mib": 2}) as system,
        TestClient(create_gateway(system.parts)) as client,
    ):
        yield client


@pytest.fixture(params=["here", "elsewhere"])
def client(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TestClient]:
    with ExitStack() as stack:
        urls: dict[str, str] = {}
        if request.param == "elsewhere":
            backends = open_backends(load_settings(), tmp_path / "services", ["phash"])
            for backend in backends:
                stack.callback(backend.close)
            app = create_app(backends, limits=LIMITS)
            urls["phash"] = stack.enter_context(served(app))
        yield stack.enter_context(gateway(tmp_path / "data", urls))


@pytest.fixture
def lost(tmp_path: Path) -> Iterator[TestClient]:
    """A gateway whose phash is looked for where another service answers."""
    with (
        served(create_app([], limits=LIMITS)) as url,
        gateway(tmp_path, {"phash": url}) as client,
    ):
        yield client


def test_what_is_no_image_is_refused_alike(client: TestClient) -> None:
    for method, path in [("POST", "/phash/search?k=1"), ("PUT", "/phash/images/1")]:
        answer = client.request(method, path, files={"image": b"just text"})
        assert answer.status_code == 415, path
        assert "not an image" in answer.json()["detail"]


def test_what_is_wrong_is_refused_alike(client: TestClient) -> None:
    answers = {
        422: client.post("/phash/search", files={"image": IMAGE}),
        404: client.get("/phash/images/77/similar?k=1"),
    }
    for status, answer in answers.items():
        assert answer.status_code == status
    assert client.delete("/phash/images/77").status_code == 404


def test_an_image_is_put_found_and_removed_alike(client: TestClient) -> None:
    put = client.put("/images/7", files={"image": IMAGE}).json()
    assert put["services"]["phash"] == "stored"
    found = client.post("/phash/search?radius=576", files={"image": IMAGE}).json()
    assert [m["image_id"] for m in found["matches"]] == [7]
    assert client.get("/readyz").json()["unavailable"] == []
    assert client.delete("/images/7").status_code == 204
    assert client.get("/phash").json()["count"] == 0


def test_a_service_at_a_wrong_address_is_listed(lost: TestClient) -> None:
    words = "see whether services.phash.url is right"
    ready = lost.get("/readyz")
    assert ready.status_code == 200
    lost.put("/images/7", files={"image": IMAGE})
    search = lost.post("/reverse_search", files={"image": IMAGE})
    assert search.status_code == 200
    assert search.json()["matches"][0]["image_id"] == 7
    for answer in (ready, search):
        (away,) = answer.json()["unavailable"]
        assert away["service"] == "phash"
        assert words in away["reason"]
    assert words in lost.get("/phash").json()["reason"]
    assert lost.get("/phash/images/7/similar?k=1").status_code == 503
    assert 'available{service="phash"} 0.0' in lost.get("/metrics").text
