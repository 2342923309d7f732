"""HTTP as its standards have it: HEAD, Allow, ranges, numbers and times."""

import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from starlette.testclient import TestClient

from ambience.library.library import Library
from tests.drawing import drawn_image, encode
from tests.gateways import gateway_app
from tests.library import opened_library, write_images

NEW = encode(drawn_image(50, (60, 80)))
PAGES = [
    "/healthz",
    "/readyz",
    "/docs",
    "/openapi.json",
    "/api/images",
    "/api/images/1",
]
PAGES += [
    "/api/images/1/file",
    "/api/images/1/thumbnail",
    "/api/images/1/view",
    "/api/phash",
]
PAGES += ["/api/phash/images", "/api/phash/images/1/similar?k=2"]
OTHERS = [
    "1_0",
    "+1",
    "%201",
    "1%20",
    "%EF%BC%91",
    "%D9%A1",
    "1.0",
    "1e0",
    "0x1",
    "01_0",
]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """A small library, for all tests here: none changes it."""
    folder = tmp_path_factory.mktemp("library")
    write_images(folder / "photos", 3)
    with opened_library(folder / "data", limits={"max_file_mib": 1}) as library:
        library.add_folder(folder / "photos")
        yield library


@pytest.fixture(scope="module")
def client(library: Library) -> Iterator[TestClient]:
    with TestClient(gateway_app(library)) as client:
        yield client


@pytest.fixture(scope="module")
def legacy(library: Library) -> Iterator[TestClient]:
    with TestClient(gateway_app(library, legacy_routes=True)) as client:
        yield client


def check_problem(answer: Any, status: int) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    detail: str = answer.json()["detail"]
    return detail


@pytest.mark.parametrize("path", PAGES)
def test_head_answers_as_get_without_the_body(client: TestClient, path: str) -> None:
    client.get(path)  # a thumbnail is made
    whole, head = client.get(path), client.head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers == whole.headers
    assert int(head.headers["content-length"]) == len(whole.content)


@pytest.mark.parametrize(
    "path", ["/nothing", "/api/images/999", "/api/images/x", "/api/images?k"]
)
def test_head_is_refused_as_get_is(client: TestClient, path: str) -> None:
    whole, head = client.get(path), client.head(path)
    assert (head.status_code, head.content) == (whole.status_code, b"")
    assert head.headers == whole.headers


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/healthz", "GET, HEAD"),
        ("POST", "/api/images/1", "DELETE, GET, HEAD, PUT"),
        ("OPTIONS", "/api/images/1", "DELETE, GET, HEAD, PUT"),
        ("GET", "/api/phash/images/1", "DELETE, PUT"),
        ("HEAD", "/api/phash/images/1", "DELETE, PUT"),
        ("TRACE", "/api/phash/search", "POST"),
        ("DELETE", "/api/images/1/file", "GET, HEAD"),
    ],
)
def test_a_wrong_method_is_told_all_right_ones(
    client: TestClient, method: str, path: str, allowed: str
) -> None:
    answer = client.request(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ("bytes=0-9", 206),
        ("bytes=-5", 206),
        ("bytes=9999999-", 416),
        ("bytes=0-9,20-29", 200),  # of several, all is sent; so if it makes no sense
        ("lines=1-2", 200),
        ("nonsense", 200),
        ("bytes=9-5", 200),
        ("bytes=", 200),
        ("bytes=a-b", 200),
    ],
)
@pytest.mark.parametrize("what", ["file", "view"])
def test_a_part_of_a_file_is_sent_or_refused_in_a_sentence(
    client: TestClient, what: str, asked: str, status: int
) -> None:
    path = f"/api/images/1/{what}"
    size = len(client.get(path).content)
    answer = client.get(path, headers={"range": asked})
    if status < 400:
        assert answer.status_code == status
    else:
        assert "Range" in check_problem(answer, status)
        assert answer.headers["content-range"] == f"bytes */{size}"


@pytest.mark.parametrize("number", OTHERS)
def test_a_number_is_written_in_plain_digits(client: TestClient, number: str) -> None:
    for path in (
        f"/api/images/{number}",
        f"/api/images/{number}/file",
        f"/api/images?limit={number}",
        f"/api/images?after=2020-01-01~{number}",
        f"/api/phash/images?after={number}",
        f"/api/phash/images?limit={number}",
        f"/api/phash/images/{number}/similar?k=1",
        f"/api/phash/images/1/similar?k={number}",
        f"/api/local_features/images/1/similar?k=1&nprobe={number}",
    ):
        check_problem(client.get(path), 422)
    for path in (f"/api/images/{number}", f"/api/phash/images/{number}"):
        check_problem(client.put(path, files={"image": NEW}), 422)
        check_problem(client.delete(path), 422)
    form = f"image_id={number}".replace("+", "%2B")
    kind = {"content-type": "application/x-www-form-urlencoded"}
    check_problem(client.post("/api/reverse_search", content=form, headers=kind), 422)
    form = f"image_id=1&k={number}".replace("+", "%2B")
    check_problem(client.post("/api/reverse_search", content=form, headers=kind), 422)


@pytest.mark.parametrize(
    "number",
    ["1_0", "+1", "%201", "%EF%BC%91", "nan", "inf", "1e999", "0x1", ".5", "5."],
)
def test_a_distance_is_a_plain_number(client: TestClient, number: str) -> None:
    path = f"/api/phash/images/1/similar?radius={number}"
    check_problem(client.get(path), 422)
    path = f"/api/phash/search?radius={number}"
    check_problem(client.post(path, files={"image": NEW}), 422)


@pytest.mark.parametrize("number", ["1_0", "+1", " 1", "\N{FULLWIDTH DIGIT ONE}", True])
def test_the_same_holds_for_the_routes_of_the_original(
    legacy: TestClient, number: object
) -> None:
    by_id = "/phash_get_similar_images_by_id"
    for path, body, status in [
        ("/delete_phash_features", {"image_id": number}, 422),
        ("/delete_all_image_features", {"image_id": number}, 400),
        (by_id, {"image_id": number, "k": 1}, 422),
        (by_id, {"image_id": 1, "k": number}, 500),
        (by_id, {"image_id": 1, "distance_threshold": number}, 500),
    ]:
        assert legacy.post(path, json=body).status_code == status, (path, body)
    form: dict[str, Any] = {"files": {"image": NEW}, "data": {"image_id": str(number)}}
    assert legacy.post("/calculate_phash_features", **form).status_code == 500
    assert legacy.post("/calculate_all_image_features", **form).status_code == 400
    name = {"file_name": "\N{FULLWIDTH DIGIT ONE}.online"}
    assert legacy.post("/delete_phash_features", json=name).is_success
    assert legacy.get("/api/images").json()["total"] == 3


def test_numbers_may_still_come_as_text(legacy: TestClient) -> None:
    body = {"image_id": "1", "k": "2", "use_ransac": "0", "use_smnn_matching": 1}
    assert legacy.post("/phash_get_similar_images_by_id", json=body).is_success
    assert legacy.get("/api/phash/images/1/similar?radius=5.5e1").is_success


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/New_York"])
def test_times_have_the_offset_of_the_server(
    client: TestClient, zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        for image in client.get("/api/images").json()["images"]:
            shown = datetime.fromisoformat(image["shown_at"])
            added = datetime.fromisoformat(image["added_at"])
            assert added.utcoffset() is not None
            assert (
                shown.utcoffset() == shown.replace(tzinfo=None).astimezone().utcoffset()
            )
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("year", ["0001", "1800", "9999"])
def test_a_time_of_any_year_is_one_of_rfc_3339(library: Library, year: str) -> None:
    from dataclasses import replace

    from ambience.gateway.routes.schemas import image_answer

    (record,) = library.components.catalog.newest(limit=1)
    for day in ("01-01T00:00:00", "12-31T23:59:59"):
        taken = replace(record, shown_at=datetime.fromisoformat(f"{year}-{day}"))
        shown = image_answer(taken).model_dump(mode="json")["shown_at"]
        assert shown.startswith(f"{year}-{day}")
        assert len(shown) in (20, 25)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/images"),
        ("PUT", "/images/7"),
        ("GET", "/images/7/thumbnail"),
        ("POST", "/reverse_search"),
        ("GET", "/phash"),
        ("POST", "/phash/search"),
        ("GET", "/local_features/images/7/similar"),
    ],
)
def test_an_address_that_moved_says_where_to(
    client: TestClient, method: str, path: str
) -> None:
    answer = client.request(method, path)
    check_problem(answer, 404)
    words = f"there is nothing at {path}: it is at /api{path} now"
    assert answer.json()["detail"] == words


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/docs"])
def test_the_state_of_a_server_is_at_its_root(client: TestClient, path: str) -> None:
    assert client.get(path).is_success
    assert client.get(f"/api{path}").json()["detail"].endswith(": see /docs")
