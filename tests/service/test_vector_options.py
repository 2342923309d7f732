"""A search among vectors leaves out what its caller has no use for."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tests.drawing import drawn_image, encode
from tests.gateways import gateway_app
from tests.library import opened_library

SCENE = drawn_image(70, (300, 400))
VERSIONS = {
    "upright": SCENE,
    "mirrored": SCENE[:, ::-1],
    "rotated_180": SCENE[::-1, ::-1],
}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    with (
        opened_library(tmp_path, enabled=["phash", "color"]) as library,
        TestClient(gateway_app(library)) as client,
    ):
        client.put("/api/images/1", files={"image": encode(SCENE)})
        yield client


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("all", ["upright", "mirrored", "rotated_180"]),
        ("mirrored", ["upright", "mirrored"]),
        ("upright", ["upright"]),
    ],
)
def test_only_the_versions_that_count_are_found(
    client: TestClient, asked: str, found: list[str]
) -> None:
    form = {"radius": "64", "orientations": asked}
    for name, image in VERSIONS.items():
        files = {"image": encode(image)}
        answer = client.post("/api/phash/search", files=files, data=form).json()
        assert [m["image_id"] for m in answer["matches"]] == [1] * (name in found)


def test_a_background_is_left_out_when_asked_so(client: TestClient) -> None:
    files = {"image": encode(SCENE)}
    form = {"k": "1", "background": "false"}
    without = client.post("/api/color/search", files=files, data=form).json()
    with_it = client.post("/api/color/search", files=files, data={"k": "1"}).json()
    assert without["matches"] == with_it["matches"]
    assert without["background"] is None
    assert with_it["background"]["count"] == 1


def test_what_is_no_option_is_refused(client: TestClient) -> None:
    files = {"image": encode(SCENE)}
    form = {"k": "1", "orientations": "sideways"}
    answer = client.post("/api/phash/search", files=files, data=form)
    assert answer.status_code == 422
    assert "orientations" in answer.json()["detail"]
