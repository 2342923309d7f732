"""Images are put, listed, shown and deleted over HTTP."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from ambience import registry
from ambience.core.features import ImageId
from ambience.library.library import Library
from tests.drawing import drawn_image, encode

NEW = encode(drawn_image(50, (60, 80)))


def test_an_image_that_was_put_is_there_and_found(client: TestClient) -> None:
    answer = client.put("/api/images/1000", files={"image": NEW})
    assert answer.status_code == 200
    assert answer.json() == {
        "image_id": 1000,
        "services": dict.fromkeys(registry.BUILTIN, "stored"),
    }
    record = client.get("/api/images/1000").json()
    assert (record["width"], record["height"], record["path"]) == (80, 60, None)
    found = client.post("/api/reverse_search", files={"image": NEW}).json()["matches"]
    assert found[0]["image_id"] == 1000
    assert found[0]["relation"] == "same_file"
    assert client.get("/api/images/1000/file").content == NEW


def test_an_id_put_to_one_service_is_not_given_to_an_import(
    client: TestClient, library: Library, folder: Path
) -> None:
    (taken,) = library.components.catalog.reserve_ids(1)
    image_id = taken + 1
    assert client.put(f"/api/phash/images/{image_id}", files={"image": NEW}).is_success
    (folder / "new.png").write_bytes(encode(drawn_image(51, (60, 80))))
    library.add_folder(folder)
    assert image_id not in library.components.catalog.ids()
    answer = client.post("/api/phash/search", files={"image": NEW}, data={"k": 1})
    assert answer.json()["matches"][0]["image_id"] == image_id


def test_features_only_leaves_nothing_to_show(client: TestClient) -> None:
    client.put("/api/images/1000", files={"image": NEW}, data={"keep": "false"})
    assert not client.get("/api/images/1000").json()["has_file"]
    for what in ("file", "view"):
        answer = client.get(f"/api/images/1000/{what}")
        assert answer.status_code == 404
        assert "was not kept" in answer.json()["detail"]
    assert client.get("/api/images/1000/thumbnail").status_code == 200


def test_a_deleted_image_is_gone_everywhere(client: TestClient) -> None:
    client.put("/api/images/1000", files={"image": NEW})
    assert client.delete("/api/images/1000").status_code == 204
    assert client.delete("/api/images/1000").status_code == 404
    assert client.get("/api/images/1000").status_code == 404
    assert client.get("/api/phash/images/1000/similar?k=1").status_code == 404
    found = client.post("/api/reverse_search", files={"image": NEW}).json()["matches"]
    assert 1000 not in [match["image_id"] for match in found]


def test_deleting_leaves_the_users_file_alone(client: TestClient, folder: Path) -> None:
    before = {path: path.read_bytes() for path in folder.iterdir()}
    for image in client.get("/api/images").json()["images"]:
        assert client.delete(f"/api/images/{image['image_id']}").status_code == 204
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    assert client.get("/api/images").json()["total"] == 0


def test_pages_follow_each_other_to_the_end(client: TestClient) -> None:
    seen: list[int] = []
    after: dict[str, str] = {}
    while True:
        page = client.get("/api/images", params={"limit": 4, **after}).json()
        assert page["total"] == 6
        seen += [image["image_id"] for image in page["images"]]
        if page["after"] is None:
            break
        after = {"after": page["after"]}
    assert sorted(seen) == [1, 2, 3, 4, 5, 6]


def test_a_made_up_page_is_refused(client: TestClient) -> None:
    answer = client.get("/api/images", params={"after": "yesterday"})
    assert answer.status_code == 422


def test_a_thumbnail_is_webp_and_need_not_be_sent_twice(client: TestClient) -> None:
    answer = client.get("/api/images/1/thumbnail")
    assert answer.headers["content-type"] == "image/webp"
    with Image.open(BytesIO(answer.content)) as shown:
        assert shown.size == (80, 60)
    again = client.get(
        "/api/images/1/thumbnail", headers={"If-None-Match": answer.headers["etag"]}
    )
    assert (again.status_code, again.content) == (304, b"")


def test_a_lost_thumbnail_is_made_again(client: TestClient, library: Library) -> None:
    record = library.components.catalog.get(ImageId(1))
    library.components.originals.remove_thumbnail(record.sha256)
    assert client.get("/api/images/1/thumbnail").status_code == 200


def test_a_view_is_something_that_browsers_show(client: TestClient) -> None:
    tiff = encode(drawn_image(51, (60, 80)), "TIFF")
    put = client.put("/api/images/1000", files={"image": tiff})
    assert put.status_code == 200, put.text
    answer = client.get("/api/images/1000/view")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] in {"image/jpeg", "image/webp"}
    with Image.open(BytesIO(answer.content)) as shown:
        assert shown.size == (80, 60)


def test_a_large_view_is_made_smaller(client: TestClient) -> None:
    wide = np.zeros((10, 3000, 3), np.uint8)
    client.put("/api/images/1000", files={"image": encode(wide)})
    with Image.open(BytesIO(client.get("/api/images/1000/view").content)) as shown:
        assert max(shown.size) == 2048


def test_files_are_never_run_as_pages(client: TestClient) -> None:
    for what in ("file", "view", "thumbnail"):
        headers = client.get(f"/api/images/1/{what}").headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in headers["content-security-policy"]


def test_a_file_that_is_gone_says_so(client: TestClient, folder: Path) -> None:
    name = client.get("/api/images/1").json()["name"]
    (folder / name).unlink()
    answer = client.get("/api/images/1/file")
    assert answer.status_code == 404
    assert "no longer at" in answer.json()["detail"]


@pytest.mark.parametrize("image_id", ["-1", "9007199254740992", "abc", "1.5"])
def test_an_id_out_of_range_is_refused(client: TestClient, image_id: str) -> None:
    answer = client.put(f"/api/images/{image_id}", files={"image": NEW})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
