"""Images are put without waiting for slow services, and the backlog tells of them."""

import shutil
import threading
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from ambience.library.library import Library
from tests.drawing import drawn_image, encode
from tests.gateways import gateway_app
from tests.library import opened_library

PIXELS = drawn_image(50, (480, 640))
NEW = encode(PIXELS)
CROP = encode(PIXELS[60:400, 100:520])
AT_ONCE = {"phash": "stored", "color": "stored"}


def put(client: TestClient, image: bytes = NEW, **options: Any) -> Any:
    url = "/api/images/1000?wait=false"
    answer = client.put(url, files={"image": image}, **options)
    assert answer.status_code == 200, answer.text
    return answer.json()["services"]


def backlog(client: TestClient) -> dict[str, Any]:
    answer = client.get("/api/backlog").raise_for_status().json()
    state: dict[str, Any] = answer["services"]["local_features"]
    return state


def finish(library: Library) -> None:
    library.components.backlog.finish(stop=threading.Event())


def relations(client: TestClient, image: bytes) -> dict[int, str]:
    found = client.post("/api/reverse_search", files={"image": image}).json()
    assert found["unavailable"] == []
    return {match["image_id"]: match["relation"] for match in found["matches"]}


def test_an_image_is_found_by_its_hash_at_once_and_by_its_parts_later(
    client: TestClient, library: Library
) -> None:
    assert put(client) == {**AT_ONCE, "local_features": "waiting"}
    assert relations(client, NEW) == {1000: "same_file"}
    assert relations(client, CROP) == {}
    assert client.get("/api/local_features/images/1000/similar?k=1").status_code == 404
    assert client.get("/api/images/1000").json()["waiting_for"] == ["local_features"]
    listed = client.get("/api/images").json()["images"]
    assert [one["image_id"] for one in listed if one["waiting_for"]] == [1000]
    assert backlog(client) == {
        "waiting": 1,
        "rate": None,
        "remaining_s": None,
        "paused": None,
        "stuck": 0,
        "stuck_reasons": [],
    }
    assert client.get("/readyz").status_code == 200
    numbers = client.get("/metrics").text
    assert 'ambience_backlog_images{service="local_features"} 1.0' in numbers
    assert 'ambience_service_missed{service="local_features"} 0.0' in numbers
    finish(library)
    assert relations(client, CROP) == {1000: "crop"}
    assert client.get("/api/images/1000").json()["waiting_for"] == []
    state = backlog(client)
    assert (state["waiting"], state["remaining_s"]) == (0, 0.0)


def test_who_says_nothing_waits_for_all(client: TestClient) -> None:
    answer = client.put("/api/images/1000", files={"image": NEW}).json()
    assert answer["services"] == {**AT_ONCE, "local_features": "stored"}
    assert relations(client, CROP) == {1000: "crop"}


def test_an_image_that_was_replaced_is_not_found_by_its_old_parts(
    client: TestClient, library: Library
) -> None:
    client.put("/api/images/1000", files={"image": NEW})
    put(client, encode(drawn_image(51, (480, 640))))
    assert relations(client, CROP) == {}
    finish(library)
    assert relations(client, CROP) == {}


def test_one_that_was_deleted_while_it_waited_waits_no_longer(
    client: TestClient, library: Library
) -> None:
    put(client)
    assert client.delete("/api/images/1000").status_code == 204
    assert backlog(client)["waiting"] == 0
    finish(library)
    assert client.get("/api/local_features").json()["count"] == 6


def test_an_image_that_is_not_kept_can_not_wait(client: TestClient) -> None:
    url = "/api/images/1000?wait=false"
    answer = client.put(url, files={"image": NEW}, data={"keep": "false"})
    assert answer.status_code == 422
    assert "leave out wait=false" in answer.json()["detail"]
    assert client.get("/api/images/1000").status_code == 404


def test_what_is_stuck_is_named(
    client: TestClient, library: Library, tmp_path: Path
) -> None:
    put(client)
    shutil.rmtree(tmp_path / "data" / "originals")
    finish(library)
    state = backlog(client)
    assert (state["waiting"], state["stuck"]) == (0, 1)
    assert state["stuck_reasons"] == [
        {"reason": "the file is gone", "count": 1, "image_id": 1000}
    ]


@pytest.mark.parametrize("where", ["here", "elsewhere"])
def test_a_service_that_is_down_pauses_and_loses_nothing(
    tmp_path: Path, where: str
) -> None:
    nowhere = {
        "here": {"descriptor": "hardnet8"},  # whose weights are not there
        "elsewhere": {"url": "http://127.0.0.1:9"},
    }
    data, services = tmp_path / "split", {"local_features": nowhere[where]}
    with (
        opened_library(data, services=services) as library,
        TestClient(gateway_app(library)) as client,
    ):
        assert put(client) == {**AT_ONCE, "local_features": "waiting"}
        finish(library)
        state = backlog(client)
        assert (state["waiting"], state["remaining_s"]) == (1, None)
        expected = {"here": "hardnet8.onnx", "elsewhere": "does not answer"}
        assert expected[where] in state["paused"]
    with opened_library(data) as library:
        finish(library)
        with TestClient(gateway_app(library)) as client:
            assert relations(client, CROP) == {1000: "crop"}
