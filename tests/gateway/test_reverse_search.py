"""One search, one merged answer, with relation, score, evidence and sentence."""

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from ambience import registry
from ambience.core.features import ImageId
from ambience.library.library import Library
from ambience.search.questions import ByImage
from ambience.search.reverse_search import ReverseSearcher
from ambience.service.unavailable_service import UnavailableService
from tests.drawing import drawn_image, encode
from tests.library import as_shipped, blank_page

STRANGER = encode(drawn_image(77, (60, 80)))


def edited(folder: Path, change: Any, form: str = "PNG", **options: Any) -> bytes:
    with Image.open(folder / "3.png") as image:
        pixels = np.ascontiguousarray(change(np.asarray(image)))
    return encode(pixels, form, **options)


def half_size(pixels: np.ndarray) -> np.ndarray:
    height, width, _ = pixels.shape
    fours = pixels.reshape(height // 2, 2, width // 2, 2, 3)
    return np.asarray(fours.mean(axis=(1, 3))).astype(np.uint8)


def search(client: TestClient, image: bytes, **form: Any) -> dict[str, Any]:
    answer = client.post("/api/reverse_search", files={"image": image}, data=form)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def id_of(client: TestClient, name: str) -> int:
    images = client.get("/api/images").json()["images"]
    return next(int(i["image_id"]) for i in images if i["name"] == name)


@pytest.mark.parametrize(
    ("change", "options", "relation"),
    [
        (lambda p: p, {"form": "WEBP", "lossless": True}, "same_pixels"),
        (lambda p: p, {"form": "JPEG", "quality": 60}, "re_encoded"),
        (half_size, {}, "re_encoded"),
        (np.fliplr, {"form": "JPEG", "quality": 80}, "mirrored"),
        (np.flipud, {}, "mirrored"),
        (np.rot90, {}, "rotated"),
        (lambda p: np.rot90(p, 2), {}, "rotated"),
    ],
)
def test_an_edited_copy_finds_its_original_by_the_right_name(
    client: TestClient,
    folder: Path,
    change: Any,
    options: dict[str, Any],
    relation: str,
) -> None:
    body = search(client, edited(folder, change, **options))
    first = body["matches"][0]
    assert first["image_id"] == id_of(client, "3.png")
    assert first["relation"] == relation
    assert first["score"] > 0.99
    assert first["summary"]
    assert first["evidence"]["phash"]["distance"] <= 64
    assert set(body["services"]) == set(registry.BUILTIN)
    assert all(said["took_ms"] >= 0 for said in body["services"].values())
    assert body["unavailable"] == []


def test_the_file_itself_is_known_by_its_bytes(
    client: TestClient, folder: Path
) -> None:
    body = search(client, (folder / "3.png").read_bytes())
    assert body["matches"][0]["relation"] == "same_file"
    assert len(body["matches"][0]["evidence"]["file"]["sha256"]) == 64


def test_one_changed_pixel_is_no_longer_the_same(
    client: TestClient, folder: Path
) -> None:
    def touch(pixels: np.ndarray) -> np.ndarray:
        changed = pixels.copy()
        changed[0, 0, 0] ^= 1
        return changed

    assert search(client, edited(folder, touch))["matches"][0]["relation"] == (
        "re_encoded"
    )


def test_a_stranger_finds_no_copy(client: TestClient) -> None:
    body = search(client, STRANGER, find_duplicate="1")
    assert body["matches"] == []
    assert set(body["services"]) == {"phash", "local_features"}


def test_where_the_hash_proves_a_copy_local_features_are_not_asked(
    client: TestClient, folder: Path
) -> None:
    data = (folder / "3.png").read_bytes()
    body = search(client, data, find_duplicate="1")
    assert [match["relation"] for match in body["matches"]] == ["same_file"]
    assert set(body["services"]) == {"phash"}


def test_a_crop_is_a_copy_that_local_features_prove(client: TestClient) -> None:
    scene = drawn_image(70, (300, 400))
    client.put("/api/images/1000", files={"image": encode(scene)})
    body = search(client, encode(scene[40:220, 90:330]), find_duplicate="1")
    found = [(match["image_id"], match["relation"]) for match in body["matches"]]
    assert found == [(1000, "crop")]


def test_a_blank_page_matches_nothing_but_itself(client: TestClient) -> None:
    client.put("/api/images/1000", files={"image": blank_page()})
    body = search(client, blank_page(level=250), services="phash")
    assert body["matches"] == []
    assert "nearly flat" in body["services"]["phash"]["note"]
    (itself,) = search(client, blank_page(), services="phash")["matches"]
    assert (itself["image_id"], itself["relation"]) == (1000, "same_file")


def test_a_transparent_image_is_found_on_another_background(
    client: TestClient,
) -> None:
    pixels = drawn_image(60, (60, 80))
    opacity = np.zeros((60, 80, 1), np.uint8)
    opacity[15:45, 20:60] = 255
    transparent = encode(np.concatenate([pixels, opacity], axis=2))
    client.put("/api/images/1000", files={"image": transparent})
    with Image.open(BytesIO(transparent)) as image:
        for color in ("black", "gray", "red", "white"):
            page = Image.new("RGBA", image.size, color)
            page.alpha_composite(image)
            body = search(client, encode(np.asarray(page.convert("RGB"))))
            assert body["matches"][0]["image_id"] == 1000, color
            assert body["matches"][0]["relation"] in {"re_encoded", "same_pixels"}


def test_white_artwork_on_transparency_is_found_on_what_it_was_put_on(
    client: TestClient,
) -> None:
    gray = drawn_image(61, (60, 80)).mean(axis=2)
    opacity = np.where(gray > np.median(gray), 255, 0).astype(np.uint8)
    artwork = np.full((60, 80, 4), 255, np.uint8)
    artwork[..., 3] = opacity
    client.put("/api/images/1000", files={"image": encode(artwork)})
    with Image.open(BytesIO(encode(artwork))) as image:
        for color in ("black", "gray", "navy", "red"):
            page = Image.new("RGBA", image.size, color)
            page.alpha_composite(image)
            body = search(client, encode(np.asarray(page.convert("RGB"))))
            assert body["matches"][0]["image_id"] == 1000, color
            assert body["matches"][0]["relation"] == "re_encoded", color


def test_k_bounds_the_answer(client: TestClient, folder: Path) -> None:
    image = (folder / "3.png").read_bytes()
    assert len(search(client, image, k="1")["matches"]) == 1


def test_an_unknown_service_is_named(client: TestClient) -> None:
    answer = client.post(
        "/api/reverse_search",
        files={"image": STRANGER},
        data={"services": "phash,smell"},
    )
    assert answer.status_code == 404
    assert "'smell'" in answer.json()["detail"]


def test_a_service_that_is_away_is_named_and_the_rest_answers(
    library: Library, folder: Path
) -> None:
    phash, *_ = library.components.services
    away = UnavailableService("color", "run `ambience rebuild color`")
    searcher = ReverseSearcher(
        [phash, away],
        library.components.catalog,
        library.components.originals,
        calibration=as_shipped(),
    )
    found = searcher.search(ByImage((folder / "3.png").read_bytes()), k=5)
    searcher.close()
    assert found.unavailable == {"color": "run `ambience rebuild color`"}
    assert found.matches


def test_an_original_that_changed_meanwhile_proves_nothing(
    client: TestClient, library: Library, folder: Path
) -> None:
    same = edited(folder, lambda p: p, "WEBP", lossless=True)
    (folder / "3.png").write_bytes(b"something else")
    found = search(client, same)["matches"][0]
    assert found["relation"] == "re_encoded"
    assert not library.components.catalog.get(ImageId(found["image_id"])).missing


def test_an_empty_library_answers_an_empty_list(client: TestClient) -> None:
    for image in client.get("/api/images").json()["images"]:
        client.delete(f"/api/images/{image['image_id']}")
    assert search(client, STRANGER)["matches"] == []
