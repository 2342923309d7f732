"""What the original's gateway does with every service at once, and for pages."""

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from ambience import registry
from ambience.gateway.legacy.matches import unified_list
from ambience.library.library import Library
from tests.gateway.test_legacy import (
    CROP,
    MIRRORED,
    NO_IMAGE,
    OTHER,
    SCENE,
    STRANGER,
    TAKEN,
    by_image,
    calculate,
    features,
    reverse,
)
from tests.gateways import gateway_app

ORDER = ("color", "phash", "local_features")  # local_features it left out
FAILED = "Request failed with status code 500"
HOME = "http://testserver"


def outcomes(answer: Any) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    found: list[dict[str, Any]] = answer.json()
    return found


def done(verb: str) -> list[dict[str, Any]]:
    return [
        {"status": "fulfilled", "value": "", "url": f"{HOME}/{verb}_{features(name)}"}
        for name in ORDER
    ]


def delete(client: TestClient, image_id: object) -> Any:
    return client.post("/delete_all_image_features", json={"image_id": image_id})


def test_all_features_come_and_go_together(legacy: TestClient) -> None:
    assert sorted(ORDER) == sorted(registry.BUILTIN)
    answer = calculate(legacy, "all_image_features", "1000", SCENE)
    assert outcomes(answer) == done("calculate")
    assert not legacy.get("/api/images/1000").json()["has_file"]
    taken = [
        {"status": "rejected", "reason": FAILED, "data": TAKEN, "url": one["url"]}
        for one in done("calculate")
    ]
    for image in (SCENE, OTHER):
        again = calculate(legacy, "all_image_features", "1000", image)
        assert outcomes(again) == taken
    assert outcomes(delete(legacy, "1000")) == done("delete")
    assert legacy.get("/api/images/1000").status_code == 404


def test_an_id_that_nobody_has_is_deleted_like_any_other(legacy: TestClient) -> None:
    *others, keypoints = outcomes(delete(legacy, 999))
    assert others == done("delete")[:2]
    assert keypoints == {
        "status": "rejected",
        "reason": FAILED,
        "data": {"detail": "Can't delete local features"},
        "url": f"{HOME}/delete_local_features",
    }


def test_what_is_no_image_is_rejected_by_each_service(legacy: TestClient) -> None:
    answer = calculate(legacy, "all_image_features", "1000", NO_IMAGE)
    for name, one in zip(ORDER, outcomes(answer), strict=True):
        sentence = f"Can't calculate {features(name).replace('_', ' ')}"
        assert (one["status"], one["reason"]) == ("rejected", FAILED)
        assert one["data"] == {"detail": sentence}
    assert legacy.get("/api/images/1000").status_code == 404


def test_a_field_is_cut_off_after_ten_bytes(legacy: TestClient) -> None:
    answer = calculate(legacy, "all_image_features", "12345678901", SCENE)
    assert outcomes(answer) == done("calculate")
    assert legacy.get("/api/images/1234567890").is_success
    assert legacy.get("/api/images/12345678901").status_code == 404


def test_a_service_that_lacks_an_image_takes_it_and_no_other(
    legacy: TestClient,
) -> None:
    calculate(legacy, "all_image_features", 1000, SCENE)
    legacy.post("/delete_color_features", json={"image_id": 1000})
    other = outcomes(calculate(legacy, "all_image_features", 1000, OTHER))
    assert {one["status"] for one in other} == {"rejected"}
    again = outcomes(calculate(legacy, "all_image_features", 1000, SCENE))
    assert [one["status"] for one in again] == ["fulfilled", "rejected", "rejected"]


def test_a_service_that_is_away_rejects_and_the_others_do_it(away: TestClient) -> None:
    added = outcomes(calculate(away, "all_image_features", 7, SCENE))
    gone = outcomes(delete(away, 7))
    for color, *others in (added, gone):
        assert color["status"] == "rejected"
        assert "does not answer" in color["reason"]
        assert "data" not in color
        assert {one["status"] for one in others} == {"fulfilled"}
    assert reverse(away, SCENE) == {}


def test_a_reverse_search_answers_nothing_but_lists(legacy: TestClient) -> None:
    calculate(legacy, "all_image_features", 1000, SCENE)
    body = reverse(legacy, SCENE)
    assert list(body) == ["phash_res", "local_features_res", "color_res", "unified_res"]
    assert body["phash_res"] == [{"image_id": 1000, "distance": 0}]
    proved = {"use_smnn_matching": 1, "use_ransac": 1, "knn_min_matches": 4}
    found = by_image(legacy, "local_features", SCENE, k=200, **proved)
    assert body["local_features_res"] == found[:20]
    assert found[0]["image_id"] == 1000
    colors = by_image(legacy, "color", SCENE, k=200)
    assert body["color_res"] == colors[:20]
    assert body["unified_res"][0] == {"image_id": 1000, "score": 3}
    # A crop is near in nothing but keypoints; no stranger's hash is shown or counted.
    assert "phash_res" not in reverse(legacy, CROP)


def test_what_is_no_image_finds_nothing(legacy: TestClient) -> None:
    for form in ({}, {"find_duplicate": "1"}):
        answer = legacy.post("/reverse_search", files={"image": NO_IMAGE}, data=form)
        assert (answer.status_code, answer.content) == (200, b"{}")
        kind = answer.headers["content-type"]
        assert kind == "application/json; charset=utf-8"


@pytest.mark.parametrize("flag", ["1", "2", "-1", "1x"])
def test_a_duplicate_is_what_the_hash_finds_within_64_bits(
    legacy: TestClient, flag: str
) -> None:
    calculate(legacy, "all_image_features", 1000, SCENE)
    for image in (SCENE, MIRRORED):
        (found,) = reverse(legacy, image, find_duplicate=flag)["duplicate"]
        assert set(found) == {"image_id", "distance"}
        assert found["image_id"] == 1000
        assert found["distance"] < 64
    for image in (CROP, STRANGER):
        assert reverse(legacy, image, find_duplicate=flag) == {}
    for no in ("0", "", "x", "000"):
        assert "duplicate" not in reverse(legacy, SCENE, find_duplicate=no)


def ranked(*ids: int) -> list[dict[str, Any]]:
    return [{"image_id": i, "distance": rank} for rank, i in enumerate(ids)]


@pytest.mark.parametrize(
    ("lists", "unified"),
    [
        ([[1, 2], [3]], []),
        ([[9, 4], [4, 9]], [(4, 1.5), (9, 1.5)]),
        ([[1, 2, 3], [3, 9], [3, 2]], [(3, 1 / 3 + 1 + 1), (2, 1 / 2 + 1 / 2)]),
        ([[5, -1], [-1, 5]], [(5, 1.5), (-1, 1.5)]),
    ],
)
def test_an_image_in_two_lists_scores_the_sum_of_its_ranks(
    lists: list[list[int]], unified: list[tuple[int, float]]
) -> None:
    assert unified_list([ranked(*one) for one in lists]) == [
        {"image_id": image_id, "score": score} for image_id, score in unified
    ]


ELSEWHERE = {"Origin": "https://example.org", "Sec-Fetch-Site": "cross-site"}


@pytest.fixture
def known(library: Library) -> Iterator[TestClient]:
    """The same, for one page elsewhere."""
    allowed = (ELSEWHERE["Origin"],)
    app = gateway_app(library, legacy_routes=True, allowed_origins=allowed)
    with TestClient(app) as client:
        yield client


def test_pages_of_allowed_origins_may_read_what_the_originals_routes_answer(
    known: TestClient,
) -> None:
    path = "/phash_get_similar_images_by_id"
    asks = {**ELSEWHERE, "Access-Control-Request-Headers": "content-type"}
    first = known.options(path, headers=asks)
    assert (first.status_code, first.content) == (204, b"")
    assert first.headers["access-control-allow-origin"] == "*"
    assert first.headers["access-control-allow-headers"] == "content-type"
    allowed = "GET,HEAD,PUT,PATCH,POST,DELETE"
    assert first.headers["access-control-allow-methods"] == allowed
    for image_id, status in ((1, 200), (999, 500)):
        body = {"image_id": image_id, "k": 1}
        answer = known.post(path, json=body, headers=ELSEWHERE)
        assert answer.status_code == status
        assert answer.headers["access-control-allow-origin"] == "*"


def test_other_pages_are_refused_by_the_originals_routes_too(
    legacy: TestClient,
) -> None:
    for path in ("/phash_get_similar_images_by_id", "/delete_all_image_features"):
        body = {"image_id": 1, "k": 1}
        assert legacy.post(path, json=body, headers=ELSEWHERE).status_code == 403
    assert legacy.get("/api/phash/images/1/similar?k=1").is_success


def test_pages_from_anywhere_may_ask_nothing_else(
    legacy: TestClient, client: TestClient
) -> None:
    for answer in (
        legacy.get("/api/images", headers=ELSEWHERE),
        legacy.post("/api/reverse_search", data={"text": "a"}, headers=ELSEWHERE),
        client.post("/reverse_search", headers=ELSEWHERE),
    ):
        assert answer.status_code == 403
        assert "access-control-allow-origin" not in answer.headers
