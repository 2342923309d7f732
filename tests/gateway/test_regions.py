"""A part of an image is searched with alone, and answered in pixels of the whole."""

from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

from ambience.core.features import ImageId
from ambience.core.geometry import mapped, outline, shift
from ambience.core.region import Region
from ambience.imaging import ImageFile
from ambience.library.library import Library
from ambience.search.image_parts import ImagePart
from ambience.service import SearchRequest
from tests.abilities import put, searching
from tests.drawing import drawn_image, encode
from tests.gateway.searching import asked, ids, refused

SCENE = drawn_image(70, (300, 400))
BOX = (90, 40, 240, 180)  # a part of it: x, y, width, height
REGION = ",".join(map(str, BOX))
NEAR = 2  # pixels: as far as a place that is found may be off


def collage() -> np.ndarray:
    """Return two scenes side by side, the second from column 400 on."""
    return np.hstack([SCENE, drawn_image(71, (300, 400))])


def test_a_region_is_searched_with_alone(client: TestClient) -> None:
    for number, seed in ((1000, 70), (1001, 71)):
        scene = encode(drawn_image(seed, (300, 400)))
        client.put(f"/api/images/{number}", files={"image": scene})
    both = encode(collage(), "JPEG", quality=90)
    assert set(ids(asked(client, image=both, find_duplicate="1"))) == {1000, 1001}
    for region, found in (("0,0,400,300", 1000), ("400,0,400,300", 1001)):
        body = asked(client, image=both, region=region, find_duplicate="1")
        assert ids(body) == [found]
        assert body["matches"][0]["relation"] == "re_encoded"


def test_places_are_in_pixels_of_the_whole_image(client: TestClient) -> None:
    client.put("/api/images/1000", files={"image": encode(drawn_image(71, (300, 400)))})
    x, y, width, height = 480, 50, 260, 200  # within the second
    body = asked(client, image=encode(collage()), region=f"{x},{y},{width},{height}")
    (match,) = [m for m in body["matches"] if m["image_id"] == 1000]
    assert match["relation"] == "crop"
    placed = match["evidence"]["local_features"]
    corners = mapped(shift(x, y), outline((height, width)))
    there = mapped(np.array(placed["transform"]), corners)
    assert there == pytest.approx(corners - (400, 0), abs=NEAR)
    on_query = np.array(placed["query_region"])
    assert on_query.min(axis=0) == pytest.approx((x, y), abs=NEAR)
    assert on_query.max(axis=0) == pytest.approx((x + width, y + height), abs=NEAR)
    assert placed["query_overlap"] == pytest.approx(1, abs=0.02)  # of the region
    assert body["services"]["local_features"]["matches"][0] == {
        "image_id": 1000,
        **placed,
    }


def test_points_are_in_pixels_of_the_whole_image(library: Library) -> None:
    (local,) = [b for b in library.components.services if b.name == "local_features"]
    image = ImageFile(encode(SCENE))
    put(local, {ImageId(1000): image})
    part = ImagePart.cut(image, Region(*BOX), of=None)
    request = SearchRequest(k=5, options={"points": True})
    (match,) = part.search(searching(local), request).matches
    points = np.array(match.details["points"])
    assert len(points) > 10
    assert points[:, :2] == pytest.approx(points[:, 2:], abs=NEAR)
    assert points.min() > min(BOX[:2])


def test_a_region_is_as_the_image_is_displayed(client: TestClient) -> None:
    client.put("/api/images/1000", files={"image": encode(SCENE)})
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    sideways = encode(np.rot90(collage()), "JPEG", quality=95, exif=exif)
    body = asked(client, image=sideways, region=REGION, find_duplicate="1")
    (match,) = body["matches"]
    assert (match["image_id"], match["relation"]) == (1000, "crop")
    status, said = refused(client, image=sideways, region="0,0,801,1")
    assert status == 422
    assert said.endswith("the image is 800 pixels wide and 300 high")


def test_the_bytes_of_a_file_prove_nothing_of_a_part_of_it(
    client: TestClient,
) -> None:
    data = encode(SCENE)
    client.put("/api/images/1000", files={"image": data})
    (match,) = asked(client, image=data, region=REGION, find_duplicate="1")["matches"]
    assert match["relation"] == "crop"
    assert "file" not in match["evidence"]
    (match,) = asked(client, image=data, region="0,0,400,300", find_duplicate="1")[
        "matches"
    ]
    assert match["relation"] == "same_file"  # that is all of it


def test_a_part_may_hold_the_very_pixels_of_an_image(client: TestClient) -> None:
    client.put("/api/images/1000", files={"image": encode(drawn_image(71, (300, 400)))})
    body = asked(
        client, image=encode(collage()), region="400,0,400,300", find_duplicate="1"
    )
    (match,) = body["matches"]
    assert match["relation"] == "same_pixels"
    assert match["evidence"]["pixels"] == {"equal": 400 * 300}


def test_a_region_of_a_known_image_finds_all_but_itself(client: TestClient) -> None:
    x, y, width, height = BOX
    crop = encode(SCENE[y : y + height, x : x + width])
    client.put("/api/images/1000", files={"image": encode(SCENE)})
    client.put("/api/images/1001", files={"image": crop})
    body = asked(client, image_id=1000, region=REGION, find_duplicate="1")
    assert [(m["image_id"], m["relation"]) for m in body["matches"]] == [
        (1001, "same_pixels")
    ]
    said = [m["image_id"] for s in body["services"].values() for m in s["matches"]]
    assert 1000 not in said
    whole = asked(client, image_id=1000, region="0,0,400,300", find_duplicate="1")
    assert (
        whole["matches"] == asked(client, image_id=1000, find_duplicate="1")["matches"]
    )


def test_a_region_takes_a_file(client: TestClient, folder: Path) -> None:
    client.put(
        "/api/images/1000", files={"image": encode(SCENE)}, data={"keep": "false"}
    )
    assert refused(client, image_id=1000, region=REGION) == (
        404,
        "the file of image 1000 was not kept, only its features",
    )
    record = client.get("/api/images/1").json()
    (folder / record["name"]).unlink()
    status, said = refused(client, image_id=1, region="0,0,10,10")
    assert status == 404
    assert "no longer at" in said


@pytest.mark.parametrize("region", ["0,0,0,5", "-1,0,5,5", "78,0,3,5", "0,0,81,60"])
def test_a_region_elsewhere_is_told_the_size(client: TestClient, region: str) -> None:
    image = encode(drawn_image(9, (60, 80)))
    for form in ({"image": image}, {"image_id": 1}):
        status, said = refused(client, **form, region=region)
        assert status == 422
        assert said.endswith("the image is 80 pixels wide and 60 high")


def test_a_region_larger_than_a_file_may_be_is_still_searched_with(
    client: TestClient,
) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (900, 900, 3), np.uint8)
    image = encode(noise, "JPEG", quality=30)
    part = encode(noise[:899])
    assert len(image) < 2**20 < len(part)  # the limit here
    assert asked(client, image=image, region="0,0,900,899")["unavailable"] == []
