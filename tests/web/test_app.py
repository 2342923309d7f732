"""Health, numbers, documents and limits of every application."""

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from ambience import registry
from ambience.core.errors import StoredDataError
from ambience.core.features import ImageId
from ambience.core.matches import Answer, Match
from ambience.imaging import Limits, decoder_client
from ambience.imaging.decoder_pool import DecoderPool
from ambience.service import MAX_K, AnyService
from ambience.service.backlog_state import BacklogState
from ambience.service.unavailable_service import UnavailableService
from ambience.web import app as web_app
from ambience.web.app import create_app
from tests.abilities import searching
from tests.drawing import drawn_image, encode

IMAGE = encode(drawn_image(1, (60, 80)))
PROBLEM = "application/problem+json"


@pytest.fixture
def phash(tmp_path: Path) -> Iterator[AnyService]:
    declared = registry.load("phash")
    service = declared.open_here(declared.settings(), tmp_path)
    yield service
    service.close()


@pytest.fixture
def client(phash: AnyService) -> Iterator[TestClient]:
    broken = UnavailableService("color", "run `ambience rebuild color`")
    app = create_app([phash, broken], limits=Limits(max_bytes=2**20))

    @app.get("/disk_full")
    def disk_full() -> None:
        raise OSError(28, "No space left on device")

    @app.get("/broken")
    def broken_route() -> None:
        raise ZeroDivisionError

    @app.get("/stored")
    def stored() -> None:
        raise StoredDataError("the store is damaged: run something")

    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def test_it_is_alive_and_says_who_is_not_ready(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "alive"}
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["unavailable"] == [
        {"service": "color", "reason": "run `ambience rebuild color`"}
    ]


def test_it_is_not_ready_when_nobody_is() -> None:
    app = create_app([UnavailableService("color", "gone")], limits=Limits())
    with TestClient(app) as client:
        assert client.get("/readyz").status_code == 503


@pytest.mark.skipif(os.name == "nt", reason="needs a program that ends at once")
@pytest.mark.parametrize("wrong", ["/nothing/here", "/bin/false"])
def test_it_says_when_no_image_can_be_decoded(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    pool = DecoderPool(size=1)
    for module in (decoder_client, web_app):
        monkeypatch.setattr(module, "shared_pool", lambda: pool)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", wrong)
        answer = client.post("/api/phash/search", files={"image": IMAGE}, data={"k": 1})
        assert answer.status_code == 503
        assert "can't be decoded now" in answer.json()["detail"]
        health = client.get("/healthz")
        assert health.status_code == 503
        assert health.headers["content-type"] == PROBLEM
        assert "can't be decoded now" in health.json()["detail"]
        assert client.get("/readyz").status_code == 503
        assert "can't be decoded now" in client.get("/readyz").json()["decoding"]
    deadline = time.monotonic() + 60
    while client.get("/healthz").status_code == 503:  # it tries again by itself
        assert time.monotonic() < deadline
    assert client.get("/readyz").json()["decoding"] is None
    pool.close()


def test_numbers_tell_what_services_missed_where_that_is_known(
    phash: AnyService,
) -> None:
    state = BacklogState(waiting=4, missed=3, stuck=1, rate=2.5)
    asked = create_app([phash], limits=Limits(), backlog=lambda: {"phash": state})
    alone = create_app([phash], limits=Limits())
    with TestClient(asked) as client:
        numbers = client.get("/metrics").text
        for name, value in {
            "service_missed": 3.0,
            "backlog_images": 4.0,
            "backlog_stuck_images": 1.0,
            "backlog_images_per_second": 2.5,
        }.items():
            assert f'ambience_{name}{{service="phash"}} {value}' in numbers
    with TestClient(alone) as client:
        assert "missed" not in client.get("/metrics").text


@pytest.mark.parametrize("query", ["limit=0", "limit=10001", "after=-1", "after=x"])
def test_a_list_that_is_asked_for_wrongly_is_refused(
    client: TestClient, query: str
) -> None:
    assert client.get(f"/api/phash/images?{query}").status_code == 422


def test_a_page_says_where_the_next_one_begins(client: TestClient) -> None:
    for image_id in (4, 9):
        client.put(f"/api/phash/images/{image_id}", files={"image": IMAGE})
    first = client.get("/api/phash/images?limit=1").json()
    assert first == {"image_ids": [4], "after": 4}
    rest = client.get("/api/phash/images?after=4&limit=2").json()
    assert rest == {"image_ids": [9], "after": None}


def test_numbers_tell_requests_and_images(client: TestClient) -> None:
    client.put("/api/phash/images/7", files={"image": IMAGE})
    client.get("/api/phash/images/9/similar?k=1")
    numbers = client.get("/metrics").text
    route = 'route="/api/phash/images/{image_id}"'
    assert (
        f'ambience_requests_total{{method="PUT",{route},status="204"}} 1.0' in numbers
    )
    assert 'ambience_service_images{service="phash"} 1.0' in numbers
    assert 'ambience_service_available{service="color"} 0.0' in numbers
    assert 'ambience_index_lag{service="phash"} 0.0' in numbers
    assert "images/9" not in numbers


def test_a_service_that_is_away_says_why_and_what_to_do(client: TestClient) -> None:
    state = client.get("/api/color").json()
    assert (state["available"], state["reason"]) == (
        False,
        "run `ambience rebuild color`",
    )
    answers = [
        client.post("/api/color/search", files={"image": IMAGE}, data={"k": 1}),
        client.get("/api/color/images/7/similar?k=1"),
        client.put("/api/color/images/7", files={"image": IMAGE}),
        client.delete("/api/color/images/7"),
    ]
    for answer in answers:
        assert answer.status_code == 503
        assert answer.json()["detail"] == "run `ambience rebuild color`"


def test_depth_is_taken_from_the_form_or_the_address(client: TestClient) -> None:
    client.put("/api/phash/images/7", files={"image": IMAGE})
    forms: list[tuple[dict[str, int], dict[str, int]]] = [
        ({"k": 1}, {}),
        ({}, {"k": 1}),
        ({"radius": 0}, {}),
    ]
    for data, params in forms:
        answer = client.post(
            "/api/phash/search", files={"image": IMAGE}, data=data, params=params
        )
        assert [m["image_id"] for m in answer.json()["matches"]] == [7]
    answer = client.post("/api/phash/search", files={"image": IMAGE})
    assert answer.status_code == 422
    assert answer.json()["detail"] == "give exactly one of k and radius"


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/nowhere", 404, "nothing at /nowhere"),
        ("/api/phash/images/x/similar?k=1", 422, "image_id"),
        ("/api/phash/images/7/similar?k=1", 404, "image 7"),
        ("/disk_full", 507, "disk is full"),
        ("/stored", 507, "run something"),
        ("/broken", 500, "its log"),
    ],
)
def test_every_error_is_a_problem_document(
    client: TestClient, path: str, status: int, words: str
) -> None:
    answer = client.get(path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == PROBLEM
    body = answer.json()
    assert body["status"] == status
    assert words in body["detail"]


def test_a_wrong_method_is_a_problem_document(client: TestClient) -> None:
    answer = client.post("/healthz")
    assert (answer.status_code, answer.headers["content-type"]) == (405, PROBLEM)
    assert answer.headers["allow"] == "GET, HEAD"
    answer = client.post("/api/phash/images/7")
    assert (answer.status_code, answer.headers["allow"]) == (405, "DELETE, PUT")


def test_an_upload_over_the_limit_is_refused_before_it_is_read(
    client: TestClient,
) -> None:
    files = {"image": bytes(3 * 2**20)}
    answer = client.put("/api/phash/images/7", files=files)
    assert (answer.status_code, answer.headers["content-type"]) == (413, PROBLEM)
    assert "limits.max_file_mib" in answer.json()["detail"]


def test_an_upload_that_does_not_tell_its_size_is_cut_off(client: TestClient) -> None:
    def body() -> Iterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"'
        yield b"\r\n\r\n"
        for _ in range(100):
            yield bytes(2**16)

    answer = client.put(
        "/api/phash/images/7",
        content=body(),
        headers={"content-type": "multipart/form-data; boundary=x"},
    )
    assert answer.status_code == 413


def test_a_radius_is_answered_with_the_nearest_only(
    client: TestClient, phash: AnyService, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = tuple(Match(ImageId(i), float(i)) for i in range(MAX_K + 5))
    for name in ("search", "search_by_id"):
        monkeypatch.setattr(searching(phash), name, lambda *_, **__: Answer(many))
    answers = [
        client.post("/api/phash/search?radius=576", files={"image": IMAGE}),
        client.get("/api/phash/images/7/similar?radius=576"),
    ]
    for answer in answers:
        found = [match["image_id"] for match in answer.json()["matches"]]
        assert found == list(range(MAX_K))


def test_the_documents_name_every_route_with_its_problems(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    search = document["paths"]["/api/phash/search"]["post"]
    assert {"200", "400", "403", "413", "422", "503"} <= set(search["responses"])
    for operations in document["paths"].values():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                assert status < "400" or PROBLEM in response["content"]
    assert document["components"]["schemas"]["SearchAnswer"]["examples"]
