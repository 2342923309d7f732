"""The gateway answers alike, wherever its services run, and says who is lost."""

import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from ambience.core.settings import load_settings
from ambience.imaging import Limits
from ambience.library.opened_services import open_services
from ambience.web.app import create_app
from tests.congruence.test_services import served
from tests.drawing import drawn_image, encode
from tests.gateways import gateway_app
from tests.library import opened_library, write_images

IMAGE = encode(drawn_image(1, (60, 80)))
OTHER = encode(drawn_image(2, (60, 80)))
STORE_ID = re.compile(rb'"id":"[0-9a-f]{32}"')
LIMITS = Limits(max_bytes=2 * 2**20)


@contextmanager
def gateway(data: Path, urls: Mapping[str, str]) -> Iterator[TestClient]:
    """Give a client of a gateway whose services run at some addresses."""
    services = {name: {"url": url} for name, url in urls.items()}
    with (
        opened_library(data, services=services, limits={"max_file_mib": 2}) as library,
        TestClient(gateway_app(library, legacy_routes=True)) as client,
    ):
        yield client


@pytest.fixture(params=["here", "elsewhere"])
def client(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TestClient]:
    with ExitStack() as stack:
        urls: dict[str, str] = {}
        if request.param == "elsewhere":
            services = open_services(load_settings(), tmp_path / "services", ["phash"])
            for service in services:
                stack.callback(service.close)
            app = create_app(services, limits=LIMITS)
            urls["phash"] = stack.enter_context(served(app))
        yield stack.enter_context(gateway(tmp_path / "data", urls))


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[TestClient, TestClient]]:
    """A gateway whose services run in its process, and one whose run elsewhere."""
    with ExitStack() as stack:
        names = load_settings().enabled
        services = open_services(load_settings(), tmp_path / "services", names)
        for service in services:
            stack.callback(service.close)
        url = stack.enter_context(served(create_app(services, limits=LIMITS)))
        urls = dict.fromkeys(names, url)
        yield (
            stack.enter_context(gateway(tmp_path / "here", {})),
            stack.enter_context(gateway(tmp_path / "there", urls)),
        )


CALLS: list[tuple[str, str, dict[str, Any]]] = [
    ("PUT", "/api/phash/images/3", {"files": {"image": IMAGE}}),
    ("PUT", "/api/color/images/3", {"files": {"image": IMAGE}}),
    ("PUT", "/api/phash/images/4", {"files": {"image": OTHER}}),
    ("PUT", "/api/local_features/images/3", {"files": {"image": IMAGE}}),
    ("PUT", "/api/phash/images/5", {"files": {"image": b"just text"}}),
    ("PUT", "/api/phash/images/5", {"files": {"picture": IMAGE}}),
    ("PUT", "/api/phash/images/5", {}),
    ("PUT", "/api/phash/images/x", {"files": {"image": IMAGE}}),
    ("PUT", "/api/phash/images/-1", {"files": {"image": IMAGE}}),
    ("PUT", f"/api/phash/images/{2**60}", {"files": {"image": IMAGE}}),
    ("PUT", "/api/phash/images/5", {"files": {"image": bytes(3 * 2**20)}}),
    ("GET", "/api/phash", {}),
    ("GET", "/api/phash/", {}),
    ("GET", "/api/color?k=1", {}),
    ("GET", "/api/phash/images/3/similar?k=5", {}),
    ("GET", "/api/phash/images/3/similar?radius=576", {}),
    ("GET", "/api/phash/images/3/similar", {}),
    ("GET", "/api/phash/images/3/similar?k=1&radius=2", {}),
    ("GET", "/api/phash/images/3/similar?k=0", {}),
    ("GET", "/api/phash/images/3%2F4/similar?k=1", {}),
    ("GET", "/api/phash/images/77/similar?k=1", {}),
    ("POST", "/api/phash/search?k=5", {"files": {"image": IMAGE}}),
    ("POST", "/api/color/search", {"files": {"image": IMAGE}, "data": {"radius": "2"}}),
    ("POST", "/api/local_features/search?k=1&points=true", {"files": {"image": IMAGE}}),
    (
        "POST",
        "/api/phash/search?k=5",
        {"files": {"image": IMAGE}, "data": {"odd": "1"}},
    ),
    ("POST", "/api/phash/search?k=5", {"content": b"no form"}),
    ("POST", "/api/phash", {}),
    ("GET", "/api/phash/search", {}),
    ("HEAD", "/api/phash", {}),
    ("GET", "/api/phash/nowhere", {}),
    ("DELETE", "/api/phash/images/4", {}),
    ("DELETE", "/api/phash/images/4", {}),
    ("DELETE", "/api/phash/images/x", {}),
    ("GET", "/openapi.json", {}),
]


@pytest.fixture
def lost(tmp_path: Path) -> Iterator[TestClient]:
    """A gateway whose phash is looked for where another service answers."""
    with (
        served(create_app([], limits=LIMITS)) as url,
        gateway(tmp_path, {"phash": url}) as client,
    ):
        yield client


def test_what_is_no_image_is_refused_alike(client: TestClient) -> None:
    for method, path in [
        ("POST", "/api/phash/search?k=1"),
        ("PUT", "/api/phash/images/1"),
    ]:
        answer = client.request(method, path, files={"image": b"just text"})
        assert answer.status_code == 415, path
        assert "not an image" in answer.json()["detail"]


def test_what_is_wrong_is_refused_alike(client: TestClient) -> None:
    answers = {
        422: client.post("/api/phash/search", files={"image": IMAGE}),
        404: client.get("/api/phash/images/77/similar?k=1"),
    }
    for status, answer in answers.items():
        assert answer.status_code == status
    assert client.delete("/api/phash/images/77").status_code == 404


def test_an_image_is_put_found_and_removed_alike(client: TestClient) -> None:
    put = client.put("/api/images/7", files={"image": IMAGE}).json()
    assert put["services"]["phash"] == "stored"
    found = client.post("/api/phash/search?radius=576", files={"image": IMAGE}).json()
    assert [m["image_id"] for m in found["matches"]] == [7]
    assert client.get("/readyz").json()["unavailable"] == []
    assert client.delete("/api/images/7").status_code == 204
    assert client.get("/api/phash").json()["count"] == 0


def test_both_ways_say_the_same_to_the_same_calls(
    pair: tuple[TestClient, TestClient],
) -> None:
    for method, path, options in CALLS:
        here, there = (client.request(method, path, **options) for client in pair)
        assert here.status_code == there.status_code, (method, path, there.text)
        # Every store has an id of its own, which `GET /api/phash` says.
        bodies = [STORE_ID.sub(b"", answer.content) for answer in (here, there)]
        assert bodies[0] == bodies[1], (method, path)
        kinds = [answer.headers.get("content-type") for answer in (here, there)]
        assert kinds[0] == kinds[1], (method, path)


def test_both_ways_count_the_same_calls(pair: tuple[TestClient, TestClient]) -> None:
    def counted(client: TestClient) -> list[str]:
        numbers = client.get("/metrics").text.splitlines()
        names = ("ambience_requests_total", "ambience_service")
        return sorted(line for line in numbers if line.startswith(names))

    for method, path, options in CALLS:
        for client in pair:
            client.request(method, path, **options)
    here, there = map(counted, pair)
    assert here == there
    assert any('route="/api/phash/images/{image_id}/similar"' in line for line in here)


def test_both_ways_find_the_same(pair: tuple[TestClient, TestClient]) -> None:
    found = []
    for client in pair:
        for image_id, image in {3: IMAGE, 4: OTHER}.items():
            client.put(f"/api/images/{image_id}", files={"image": image})
        search = client.post("/api/reverse_search", files={"image": IMAGE}).json()
        for said in search["services"].values():
            del said["took_ms"]
        found.append(search)
    assert found[0] == found[1]
    assert found[0]["matches"][0]["relation"] == "same_file"


def test_an_import_is_never_given_an_id_that_was_chosen(
    client: TestClient, tmp_path: Path
) -> None:
    answer = client.put("/api/phash/images/41", files={"image": IMAGE})
    assert answer.status_code == 204
    folder = tmp_path / "photos"
    write_images(folder, 1)
    with opened_library(tmp_path / "data", enabled=["color"]) as library:
        library.add_folder(folder)
        (image,) = library.components.catalog.newest(limit=5)
        assert image.image_id > 41


def test_clients_of_the_original_are_answered_alike(client: TestClient) -> None:
    form: dict[str, Any] = {"files": {"image": IMAGE}, "data": {"image_id": "7"}}
    statuses = [
        client.post("/calculate_phash_features", **form).status_code for _ in range(2)
    ]
    assert statuses == [200, 500]
    all_of_it = client.post("/calculate_all_image_features", **form).json()
    became = [one["status"] for one in all_of_it]
    assert became == ["fulfilled", "rejected", "fulfilled"]  # phash has it already
    path = "/phash_get_similar_images_by_"
    itself = [{"image_id": 7, "distance": 0}]
    by_image = client.post(
        f"{path}image_buffer", files={"image": IMAGE}, data={"distance_threshold": "9"}
    )
    by_id = client.post(f"{path}id", json={"image_id": 7, "k": 1})
    assert by_image.json() == by_id.json() == itself
    body = client.post("/reverse_search", files={"image": IMAGE}).json()
    assert body["phash_res"] == itself
    gone = client.post("/delete_all_image_features", json={"image_id": 7}).json()
    assert {one["status"] for one in gone} == {"fulfilled"}
    for image_id in (7, 8):
        answer = client.post(f"{path}id", json={"image_id": image_id, "k": 5})
        sentence = "Error in phash_get_similar_images_by_id_handler"
        assert (answer.status_code, answer.json()) == (500, {"detail": sentence})


def test_a_service_at_a_wrong_address_is_listed(lost: TestClient) -> None:
    words = "check that services.phash.url is right"
    ready = lost.get("/readyz")
    assert ready.status_code == 200
    lost.put("/api/images/7", files={"image": IMAGE})
    search = lost.post("/api/reverse_search", files={"image": IMAGE})
    assert search.status_code == 200
    assert search.json()["matches"][0]["image_id"] == 7
    for answer in (ready, search):
        (away,) = answer.json()["unavailable"]
        assert away["service"] == "phash"
        assert words in away["reason"]
    assert words in lost.get("/api/phash").json()["reason"]
    assert lost.get("/api/phash/images/7/similar?k=1").status_code == 503
    assert 'available{service="phash"} 0.0' in lost.get("/metrics").text
