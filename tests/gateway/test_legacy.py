"""Programs written for the original find its routes, answered as it answered them."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from ambience import registry
from ambience.library.library import Library
from tests.drawing import drawn_image, encode

TAKEN = "Image with the same id is already in the db"
PIXELS = drawn_image(70, (300, 400))
SCENE, CROP = encode(PIXELS), encode(PIXELS[40:220, 90:330])
MIRRORED, TURNED = encode(PIXELS[:, ::-1]), encode(PIXELS[::-1, ::-1])
OTHER = encode(drawn_image(71, (300, 400)))
STRANGER = encode(drawn_image(77, (60, 80)))
NO_IMAGE = b"just text"
BY_DISTANCE = ("phash", "color")
FARTHEST = 3.4028234663852886e38


def features(service: str) -> str:
    return {"local_features": service}.get(service, f"{service}_features")


def calculate(client: TestClient, what: str, image_id: object, image: bytes) -> Any:
    return client.post(
        f"/calculate_{what}", files={"image": image}, data={"image_id": image_id}
    )


def by_image(client: TestClient, service: str, image: bytes, **form: Any) -> Any:
    path = f"/{service}_get_similar_images_by_image_buffer"
    answer = client.post(path, files={"image": image}, data=form)
    assert answer.status_code == 200, answer.text
    return answer.json()


def by_id(client: TestClient, service: str, image_id: object, **given: Any) -> Any:
    path = f"/{service}_get_similar_images_by_id"
    return client.post(path, json={"image_id": image_id, **given})


def reverse(client: TestClient, image: bytes, **form: Any) -> Any:
    answer = client.post("/reverse_search", files={"image": image}, data=form)
    assert answer.status_code == 200, answer.text
    return answer.json()


def ours(client: TestClient, service: str, image: bytes, **form: Any) -> Any:
    """Return the matches that our own route answers."""
    answer = client.post(f"/api/{service}/search", files={"image": image}, data=form)
    return answer.json()["matches"]


def routes(client: TestClient) -> set[str]:
    paths = client.get("/openapi.json").json()["paths"]
    return {
        path
        for path in paths
        if "legacy" in paths[path].get("post", {}).get("tags", ())
    }


def test_every_service_has_its_routes(legacy: TestClient) -> None:
    expected = {f"/{verb}_all_image_features" for verb in ("calculate", "delete")}
    expected |= {"/reverse_search"}
    for name in registry.BUILTIN:
        expected |= {f"/calculate_{features(name)}", f"/delete_{features(name)}"}
        expected |= {
            f"/{name}_get_similar_images_by_{what}" for what in ("image_buffer", "id")
        }
    assert routes(legacy) == expected


def test_without_the_setting_there_are_none(
    client: TestClient, legacy: TestClient
) -> None:
    for path in routes(legacy):
        assert client.post(path).status_code == 404, path


def test_every_route_and_parameter_is_documented(
    root: Path, legacy: TestClient
) -> None:
    page = (root / "docs" / "legacy.md").read_text(encoding="utf-8")
    paths = legacy.get("/openapi.json").json()["paths"]
    assert [p for p in routes(legacy) if f"{p}`" not in page] == []
    fields = {
        field
        for path in routes(legacy)
        for content in paths[path]["post"]["requestBody"]["content"].values()
        for field in content["schema"]["properties"]
    }
    assert {"k", "image", "use_ransac", "find_duplicate"} < fields
    assert [field for field in fields if f"`{field}`" not in page] == []


SERVICE_ERRORS: list[tuple[str, dict[str, Any], int, Any]] = [
    (
        "/calculate_phash_features",
        {"files": {"image": NO_IMAGE}, "data": {"image_id": "9"}},
        500,
        {"detail": "Can't calculate phash features"},
    ),
    (
        "/calculate_color_features",
        {"files": {"image": SCENE}, "data": {"image_id": "nine"}},
        500,
        {"detail": "Can't calculate color features"},
    ),
    (
        "/calculate_local_features",
        {"files": {"image": NO_IMAGE}, "data": {"image_id": "9"}},
        500,
        {"detail": "Can't calculate local features"},
    ),
    ("/delete_phash_features", {"json": {"image_id": 999}}, 200, None),
    ("/delete_color_features", {"json": {"image_id": "999"}}, 200, None),
    ("/delete_color_features", {"json": {"file_name": "no.jpg"}}, 200, None),
    (
        "/delete_local_features",
        {"json": {"image_id": 999}},
        500,
        {"detail": "Can't delete local features"},
    ),
    (
        "/delete_phash_features",
        {"json": {}},
        500,
        {"detail": "Can't delete phash features"},
    ),
    (
        "/phash_get_similar_images_by_id",
        {"json": {"image_id": 999, "k": 1}},
        500,
        {"detail": "Error in phash_get_similar_images_by_id_handler"},
    ),
    (
        "/color_get_similar_images_by_id",
        {"json": {"image_id": 999, "k": 1}},
        500,
        {"detail": "Error in color_get_similar_images_by_id"},
    ),
    ("/local_features_get_similar_images_by_id", {"json": {"image_id": 999}}, 200, []),
    *(
        (
            "/color_get_similar_images_by_id",
            {"json": {"image_id": 1, **told}},
            500,
            {"detail": "Error in color_get_similar_images_by_id"},
        )
        for told in (
            {},
            {"k": 1, "distance_threshold": 5},
            {"k": 0},
            {"k": "many"},
            {"k": -1},
            {"distance_threshold": "near"},
        )
    ),
    (
        "/phash_get_similar_images_by_image_buffer",
        {"files": {"image": SCENE}},
        500,
        {"detail": "Error in phash_get_similar_images_by_image_buffer"},
    ),
    (
        "/color_get_similar_images_by_image_buffer",
        {"files": {"image": NO_IMAGE}, "data": {"k": "1"}},
        500,
        {"detail": "Error in color_get_similar_images_by_image_buffer"},
    ),
]


@pytest.mark.parametrize(("path", "request_", "status", "body"), SERVICE_ERRORS)
def test_a_service_answers_what_it_can_not_do_as_the_original(
    legacy: TestClient, path: str, request_: dict[str, Any], status: int, body: object
) -> None:
    answer = legacy.post(path, **request_)
    assert answer.status_code == status
    assert answer.content == b"" if body is None else answer.json() == body


@pytest.mark.parametrize(
    ("path", "request_", "field"),
    [
        ("/phash_get_similar_images_by_id", {"json": {"k": 1}}, "image_id"),
        ("/color_get_similar_images_by_id", {"json": {"image_id": "x"}}, "image_id"),
        ("/delete_color_features", {"content": b"image_id=7"}, "body"),
        ("/calculate_phash_features", {"files": {"image": SCENE}}, "image_id"),
        ("/calculate_phash_features", {"data": {"image_id": "7"}}, "image"),
        ("/phash_get_similar_images_by_image_buffer", {"data": {"k": "7"}}, "image"),
    ],
)
def test_a_service_names_the_field_that_it_lacks(
    legacy: TestClient, path: str, request_: dict[str, Any], field: str
) -> None:
    answer = legacy.post(path, **request_)
    assert answer.status_code == 422
    (detail,) = answer.json()["detail"]
    assert detail["loc"] == ["body", field]


@pytest.mark.parametrize(
    ("path", "request_"),
    [
        ("/calculate_all_image_features", {"files": {"image": SCENE}}),
        ("/calculate_all_image_features", {"data": {"image_id": "7"}}),
        ("/delete_all_image_features", {"json": {}}),
        ("/delete_all_image_features", {"json": {"image_id": "seven"}}),
        ("/reverse_search", {"data": {"find_duplicate": "1"}}),
    ],
)
def test_the_gateway_answers_400_where_a_field_is_missing(
    legacy: TestClient, path: str, request_: dict[str, Any]
) -> None:
    answer = legacy.post(path, **request_)
    body = answer.json()
    assert (answer.status_code, body["statusCode"]) == (400, 400)
    assert body["error"] == "Bad Request"
    assert set(body) == {"statusCode", "error", "message"}


def test_a_service_that_is_down_is_a_500_of_the_gateway(away: TestClient) -> None:
    for answer in (
        calculate(away, "color_features", 9, SCENE),
        by_id(away, "color", 9, k=1),
        away.post("/delete_color_features", json={"image_id": 9}),
    ):
        body = answer.json()
        assert (answer.status_code, body["statusCode"]) == (500, 500)
        assert (body["code"], body["error"]) == (
            "ECONNREFUSED",
            "Internal Server Error",
        )
        assert "color does not answer at" in body["message"]


@pytest.mark.parametrize("service", registry.BUILTIN)
def test_an_id_is_calculated_once_and_not_replaced(
    legacy: TestClient, service: str
) -> None:
    first = calculate(legacy, features(service), "1000", SCENE)
    assert (first.status_code, first.content) == (200, b"")
    again = calculate(legacy, features(service), "1000", OTHER)
    assert (again.status_code, again.text) == (500, TAKEN)
    assert again.headers["content-type"].startswith("text/plain")
    assert ours(legacy, service, SCENE, k=1)[0]["image_id"] == 1000
    assert 1000 not in {m["image_id"] for m in ours(legacy, service, OTHER, radius=0)}


def test_of_several_with_one_id_at_once_one_is_taken(legacy: TestClient) -> None:
    with ThreadPoolExecutor(6) as pool:
        answers = pool.map(
            lambda _: calculate(legacy, "color_features", 1000, SCENE), range(6)
        )
        statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [200, 500, 500, 500, 500, 500]


def test_a_calculated_id_is_not_given_to_an_import(
    legacy: TestClient, library: Library
) -> None:
    calculate(legacy, "phash_features", 1000, SCENE)
    assert library.components.catalog.reserve_ids(1) == [1001]


@pytest.mark.parametrize("service", registry.BUILTIN)
def test_what_is_deleted_is_gone(legacy: TestClient, service: str) -> None:
    calculate(legacy, features(service), 1000, SCENE)
    answer = legacy.post(f"/delete_{features(service)}", json={"image_id": "1000"})
    assert (answer.status_code, answer.content) == (200, b"")
    assert legacy.get(f"/api/{service}/images/1000/similar?k=1").status_code == 404


def test_distances_are_in_the_units_of_the_original(
    legacy: TestClient, folder: Path
) -> None:
    image = (folder / "3.png").read_bytes()
    for service, unit, kind in (("phash", 1, int), ("color", 1e7, float)):
        found = by_image(legacy, service, image, k="4")
        assert [match["distance"] for match in found] == sorted(
            match["distance"] for match in found
        )
        assert found[0]["distance"] == 0
        assert [type(m["distance"]) for m in found] == [kind] * 4
        farthest = found[-1]["distance"]
        nearer = [match for match in found if match["distance"] < farthest]
        assert by_image(legacy, service, image, distance_threshold=farthest) == nearer
        assert by_image(legacy, service, image, distance_threshold=0) == []
        if service == "color":
            mine = ours(legacy, service, image, k=4, metric="l1")
            assert [m["distance"] * unit for m in mine] == [
                m["distance"] for m in found
            ]


@pytest.mark.parametrize("service", BY_DISTANCE)
def test_a_known_image_comes_first_and_counts(legacy: TestClient, service: str) -> None:
    found = by_id(legacy, service, 1, k=3).json()
    assert found[0] == {"image_id": 1, "distance": 0}
    assert by_id(legacy, service, 1, k=1).json() == found[:1]
    assert by_id(legacy, service, 1, distance_threshold=1).json() == found[:1]
    assert by_id(legacy, service, "1", k="3").json() == found


def test_hashes_are_searched_for_as_they_are_and_mirrored(legacy: TestClient) -> None:
    calculate(legacy, "phash_features", 1000, SCENE)
    near = [
        by_image(legacy, "phash", image, distance_threshold=64)
        for image in (SCENE, MIRRORED, TURNED)
    ]
    assert [[m["image_id"] for m in found] for found in near] == [[1000], [1000], []]
    calculate(legacy, "phash_features", 1001, MIRRORED)  # by id, only as it is
    found = by_id(legacy, "phash", 1000, distance_threshold=64).json()
    assert found == [{"image_id": 1000, "distance": 0}]


def test_where_too_few_images_are_known_nobody_fills_the_answer_up(
    legacy: TestClient,
) -> None:
    nobody = {"image_id": -1, "distance": FARTHEST}
    assert by_image(legacy, "color", SCENE, k=9)[6:] == [nobody] * 3
    assert by_id(legacy, "color", 1, k=8).json()[6:] == [nobody] * 2
    hashes = by_image(legacy, "phash", SCENE, k=9)
    assert len(hashes) == 7
    assert hashes[6] == {"image_id": -1, "distance": 2**31 - 1}
    assert len(by_image(legacy, "color", SCENE, k=10**9)) == 1000  # at most


@pytest.mark.parametrize("counted", ["inliers", "matches"])
def test_matches_of_local_features_are_those_that_are_proved(
    legacy: TestClient, counted: str
) -> None:
    form = {"use_smnn_matching": "1", "use_ransac": str(int(counted == "inliers"))}
    calculate(legacy, "local_features", 1000, SCENE)
    calculate(legacy, "local_features", 1001, OTHER)
    (match,) = ours(legacy, "local_features", CROP, k=5)
    expected = [{"image_id": 1000, "matches": match[counted]}]
    assert by_image(legacy, "local_features", CROP, **form) == expected
    enough = {**form, "knn_min_matches": match[counted]}
    assert by_image(legacy, "local_features", CROP, k=5, **enough) == expected
    more = {**form, "knn_min_matches": match[counted] + 1}
    assert by_image(legacy, "local_features", CROP, **more) == []


def test_without_matching_votes_are_counted(legacy: TestClient) -> None:
    calculate(legacy, "local_features", 1000, SCENE)
    calculate(legacy, "local_features", 1001, OTHER)
    found = by_image(legacy, "local_features", CROP)
    assert found[0]["image_id"] == 1000
    counts = [match["matches"] for match in found]
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] >= 1
    assert by_image(legacy, "local_features", CROP, k=1) == found[:1]
    assert 1000 not in {
        match["image_id"] for match in by_id(legacy, "local_features", 1000).json()
    }


def test_what_has_no_effect_or_is_not_known_is_taken(legacy: TestClient) -> None:
    idle = {
        "aqe_n": "2", "aqe_alpha": "1.5", "k_clusters": "15", "limit": "5",
        "matching_threshold": "0.8", "smnn_match_threshold": "0.8",
    }  # fmt: skip
    for name in registry.BUILTIN:
        found = by_image(legacy, name, SCENE, k=2)
        assert by_image(legacy, name, SCENE, k=2, **idle) == found
