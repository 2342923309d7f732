"""Programs written for the original find its routes, parameters and answers."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from ambience import registry
from ambience.gateway.app import create_gateway
from ambience.gateway.legacy.schemas import FileNames
from ambience.library.system import System
from tests.drawing import drawn_image, encode
from tests.library import opened_system

TAKEN = "Image with the same id is already in the db"
PIXELS = drawn_image(70, (300, 400))
SCENE, CROP = encode(PIXELS), encode(PIXELS[40:220, 90:330])
OTHER = encode(drawn_image(71, (300, 400)))
BY_DISTANCE = ("phash", "color")


@pytest.fixture
def legacy(system: System) -> Iterator[TestClient]:
    names = FileNames(system.parts.catalog)
    with TestClient(create_gateway(system.parts, legacy=names)) as client:
        yield client


@pytest.fixture
def away(tmp_path: Path) -> Iterator[TestClient]:
    """A gateway whose color runs where nobody answers."""
    services = {"color": {"url": "http://127.0.0.1:9"}}
    with opened_system(tmp_path / "away", services=services) as system:
        names = FileNames(system.parts.catalog)
        with TestClient(create_gateway(system.parts, legacy=names)) as client:
            yield client


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
    body = client.post("/api/reverse_search", files={"image": SCENE}).json()
    assert set(body) == {"matches", "services", "unavailable"}


def test_every_route_and_parameter_is_documented(
    root: Path, legacy: TestClient
) -> None:
    page = (root / "docs" / "legacy.md").read_text(encoding="utf-8")
    document = legacy.get("/openapi.json").json()
    assert [p for p in routes(legacy) if f"{p}`" not in page] == []
    for name in ("LegacySearchById", "LegacyGone", "LegacyMatch", "LegacyOutcome"):
        fields = document["components"]["schemas"][name]["properties"]
        assert [
            f for f in fields if f"`{f}`" not in page and f'"{f}"' not in page
        ] == []


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
    legacy: TestClient, system: System
) -> None:
    calculate(legacy, "phash_features", 1000, SCENE)
    assert system.parts.catalog.reserve_ids(1) == [1001]


@pytest.mark.parametrize("service", registry.BUILTIN)
def test_what_is_deleted_is_gone(legacy: TestClient, service: str) -> None:
    calculate(legacy, features(service), 1000, SCENE)
    answer = legacy.post(f"/delete_{features(service)}", json={"image_id": "1000"})
    assert (answer.status_code, answer.content) == (200, b"")
    again = legacy.post(f"/delete_{features(service)}", json={"image_id": 1000})
    assert again.status_code == (200 if service in BY_DISTANCE else 404)
    assert legacy.get(f"/api/{service}/images/1000/similar?k=1").status_code == 404


@pytest.mark.parametrize(("service", "unit"), [("phash", 1), ("color", 1e7)])
def test_distances_are_in_the_units_of_the_original(
    legacy: TestClient, folder: Path, service: str, unit: float
) -> None:
    image = (folder / "3.png").read_bytes()
    found = by_image(legacy, service, image, k="4")
    assert found == [
        {"image_id": m["image_id"], "distance": m["distance"] * unit}
        for m in ours(legacy, service, image, k=4)
    ]
    assert [type(m["distance"]) for m in found[:1]] == [int]
    farthest = found[-1]["distance"]
    nearer = [match for match in found if match["distance"] < farthest]
    assert by_image(legacy, service, image, distance_threshold=farthest) == nearer
    assert by_image(legacy, service, image, distance_threshold=0) == []


@pytest.mark.parametrize("service", BY_DISTANCE)
def test_a_known_image_comes_first_and_counts(legacy: TestClient, service: str) -> None:
    found = by_id(legacy, service, 1, k=3).json()
    assert found[0] == {"image_id": 1, "distance": 0}
    others = legacy.get(f"/api/{service}/images/1/similar?k=2").json()["matches"]
    assert [m["image_id"] for m in found[1:]] == [m["image_id"] for m in others]
    assert by_id(legacy, service, 1, k=1).json() == found[:1]
    assert by_id(legacy, service, 1, distance_threshold=1).json() == found[:1]


def test_numbers_in_json_may_be_text(legacy: TestClient) -> None:
    for told in ({"k": 2}, {"distance_threshold": 300}):
        text = {name: str(number) for name, number in told.items()}
        answer = by_id(legacy, "phash", "1", **text)
        assert answer.json() == by_id(legacy, "phash", 1, **told).json() != []


@pytest.mark.parametrize(
    ("form", "counted"),
    [
        ({"use_smnn_matching": "1", "use_ransac": "1"}, "inliers"),
        ({"use_smnn_matching": "1", "use_ransac": "0"}, "matches"),
    ],
)
def test_matches_of_local_features_are_those_that_are_proved(
    legacy: TestClient, form: dict[str, str], counted: str
) -> None:
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
    assert by_id(legacy, "local_features", 9999).json() == []
    assert 1000 not in {
        match["image_id"] for match in by_id(legacy, "local_features", 1000).json()
    }


def test_what_has_no_effect_is_taken(legacy: TestClient) -> None:
    idle = {
        "aqe_n": "2", "aqe_alpha": "1.5", "k_clusters": "15",
        "matching_threshold": "0.8", "smnn_match_threshold": "0.8",
    }  # fmt: skip
    for name in registry.BUILTIN:
        found = by_image(legacy, name, SCENE, k=2)
        assert by_image(legacy, name, SCENE, k=2, **idle) == found
        assert by_image(legacy, name, SCENE, k=10**9)  # of 1000 at most


WRONG: list[tuple[dict[str, str], str]] = [
    ({}, "exactly one of k and distance_threshold"),
    ({"k": "1", "distance_threshold": "5"}, "exactly one of"),
    ({"k": "0"}, "k: "),
    ({"k": "many"}, "k: "),
    ({"distance_threshold": "-1"}, "distance_threshold: "),
    ({"distance_threshold": "nan"}, "distance_threshold: "),
    ({"k": "1", "use_ransac": "perhaps"}, "use_ransac: "),
    ({"k": "1", "smnn_match_threshold": "2"}, "smnn_match_threshold: "),
    ({"k": "1", "aqe_n": "x"}, "aqe_n: "),
    ({"k": "1", "limit": "5"}, "limit"),
]


def test_a_wrong_value_is_refused_with_a_sentence(legacy: TestClient) -> None:
    path = "/phash_get_similar_images_by_image_buffer"
    for told, words in WRONG:
        for answer in (
            legacy.post(path, files={"image": SCENE}, data=told),
            by_id(legacy, "phash", 1, **told),
        ):
            assert answer.status_code == 422, told
            assert words in answer.json()["detail"]
    answer = legacy.post(
        "/delete_phash_features",
        content="image_id=7",
        headers={"content-type": "application/json"},
    )
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("the body is not JSON: ")


def test_what_can_not_be_done_is_said(legacy: TestClient, away: TestClient) -> None:
    answers = [
        (calculate(legacy, "color_features", 9, b"just text"), 415),
        (calculate(legacy, "all_image_features", 9, b"just text"), 415),
        (calculate(legacy, "color_features", -1, SCENE), 422),
        (by_id(legacy, "phash", 9999, k=1), 404),
        (legacy.post("/delete_phash_features", json={}), 422),
        (legacy.post("/delete_phash_features", json={"file_name": "9" * 5000}), 422),
        (calculate(away, "color_features", 9, SCENE), 503),
        (by_id(away, "color", 9, k=1), 503),
    ]
    for answer, status in answers:
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"


def outcomes(answer: Any) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    return {one.pop("service"): one for one in answer.json()}


def test_all_features_come_and_go_together(legacy: TestClient) -> None:
    answer = calculate(legacy, "all_image_features", "1000", SCENE)
    done = {"status": "fulfilled", "value": ""}
    assert list(outcomes(answer)) == ["local_features", "color", "phash"]
    assert outcomes(answer) == dict.fromkeys(registry.BUILTIN, done)
    assert not legacy.get("/api/images/1000").json()["has_file"]
    taken = {"status": "rejected", "reason": TAKEN, "data": TAKEN}
    for image in (SCENE, OTHER):
        again = calculate(legacy, "all_image_features", "1000", image)
        assert outcomes(again) == dict.fromkeys(registry.BUILTIN, taken)
    gone = legacy.post("/delete_all_image_features", json={"image_id": "1000"})
    done = {"status": "fulfilled"}
    assert outcomes(gone) == dict.fromkeys(registry.BUILTIN, done)
    assert legacy.get("/api/images/1000").status_code == 404
    again = legacy.post("/delete_all_image_features", json={"image_id": 1000})
    statuses = {name: one["status"] for name, one in outcomes(again).items()}
    assert statuses.pop("local_features") == "rejected"
    assert set(statuses.values()) == {"fulfilled"}


def test_a_service_that_lacks_an_image_takes_it_and_no_other(
    legacy: TestClient,
) -> None:
    calculate(legacy, "all_image_features", 1000, SCENE)
    legacy.post("/delete_color_features", json={"image_id": 1000})
    other = outcomes(calculate(legacy, "all_image_features", 1000, OTHER))
    assert {one["status"] for one in other.values()} == {"rejected"}
    again = outcomes(calculate(legacy, "all_image_features", 1000, SCENE))
    assert again.pop("color") == {"status": "fulfilled", "value": ""}
    assert {one["status"] for one in again.values()} == {"rejected"}
    assert ours(legacy, "color", SCENE, k=1)[0]["image_id"] == 1000


def test_a_service_that_is_away_rejects_and_the_others_do_it(away: TestClient) -> None:
    added = outcomes(calculate(away, "all_image_features", 7, SCENE))
    gone = outcomes(away.post("/delete_all_image_features", json={"image_id": 7}))
    for found in (added, gone):
        rejected = found.pop("color")
        assert rejected["status"] == "rejected"
        assert "does not answer" in rejected["reason"]
        assert {one["status"] for one in found.values()} == {"fulfilled"}
    assert rejected["url"] == "/delete_color_features"


def test_a_reverse_search_answers_nothing_but_lists(legacy: TestClient) -> None:
    calculate(legacy, "all_image_features", 1000, SCENE)
    files = {"image": CROP}
    body = legacy.post("/reverse_search", files=files).json()
    assert {type(value) for value in body.values()} == {list}
    ours = legacy.post("/api/reverse_search", files=files).json()
    assert set(ours) == {"matches", "services", "unavailable"}
    for name in BY_DISTANCE:
        assert body[f"{name}_res"] == by_image(legacy, name, CROP, k=20)
    proved = {"use_smnn_matching": 1, "use_ransac": 1}
    found = by_image(legacy, "local_features", CROP, k=20, **proved)
    assert body["local_features_res"] == found != []
    lists = [body[name] for name in body if name.endswith("_res")][:-1]
    assert body["unified_res"] == slow_unified(lists)
    assert body["unified_res"][0]["image_id"] == 1000


def slow_unified(lists: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Return the sum of 1 / rank of each image that two lists hold."""
    found = []
    for image_id in sorted({match["image_id"] for own in lists for match in own}):
        ranks = [
            rank
            for own in lists
            for rank, match in enumerate(own, start=1)
            if match["image_id"] == image_id
        ]
        if len(ranks) > 1:
            score = pytest.approx(sum(1 / rank for rank in ranks))
            found.append({"image_id": image_id, "score": score})
    return sorted(found, key=lambda one: -one["score"].expected)
