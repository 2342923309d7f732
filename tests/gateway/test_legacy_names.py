"""Names of files and of services, as the original writes them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from pydantic import Field
from starlette.testclient import TestClient

from ambience.core.features import ImageId
from ambience.core.matches import Answer, Match
from ambience.core.search_options import SearchOptions
from ambience.gateway.legacy.routing import add_legacy
from ambience.gateway.legacy.schemas import FileNames
from ambience.gateway.legacy.service_routes import legacy_service_routes
from ambience.imaging import ImageFile, Limits
from ambience.library.library import Library
from ambience.service import SearchRequest
from ambience.service.capabilities import HoldsImages, SearchesImages, SearchesText
from ambience.web.uploads import UploadBudget
from tests.abilities import FakeService
from tests.drawing import drawn_image, encode
from tests.gateways import gateway_app
from tests.library import write_images
from tests.server import serving

PIXELS = drawn_image(70, (300, 400))
SCENE, CROP = encode(PIXELS), encode(PIXELS[40:220, 90:330])
STRANGER = encode(drawn_image(77, (60, 80)))


@pytest.fixture
def named(library: Library) -> Iterator[TestClient]:
    """A gateway whose answers name files."""
    with TestClient(
        gateway_app(library, legacy_routes=True, legacy_file_names=True)
    ) as client:
        yield client


def similar(client: TestClient, path: str, **form: Any) -> Any:
    """Return what a search with an image answers."""
    answer = client.post(path, files={"image": SCENE}, data=form)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_answers_name_files_when_asked(named: TestClient, library: Library) -> None:
    path = "/phash_get_similar_images_by_image_buffer"
    with TestClient(gateway_app(library, legacy_routes=True)) as nameless:
        found = similar(nameless, path, k=6)
    assert found == [
        {"image_id": match["image_id"], "distance": match["distance"]}
        for match in similar(named, path, k=9)
    ]
    names = {match["file_name"] for match in similar(named, path, k=9)}
    assert names == {f"{number}.png" for number in range(6)}
    lists = similar(named, "/reverse_search")
    assert {match["file_name"] for match in lists["color_res"]} == names
    named.put("/api/images/1000", files={"image": SCENE})
    (found,) = similar(named, "/reverse_search", find_duplicate="1")["duplicate"]
    assert found == {"image_id": 1000, "distance": 0, "file_name": "1000.online"}
    unified = similar(named, "/reverse_search")["unified_res"]
    assert all(set(one) == {"image_id", "score"} for one in unified)


def test_an_image_is_deleted_by_the_name_of_its_file(
    named: TestClient, library: Library, tmp_path: Path
) -> None:
    (image_id,) = library.components.catalog.with_name("3.png")
    answer = named.post("/delete_phash_features", json={"file_name": "3.png"})
    assert answer.status_code == 200
    assert named.get(f"/api/phash/images/{image_id}/similar?k=1").status_code == 404
    online = {"file_name": f"{image_id}.online"}
    assert named.post("/delete_color_features", json=online).status_code == 200
    assert named.get(f"/api/color/images/{image_id}/similar?k=1").status_code == 404
    for name in (".png", "photos/3.png", "%.png", f"{10**20}.online"):
        answer = named.post("/delete_phash_features", json={"file_name": name})
        assert (answer.status_code, answer.content) == (200, b""), name
    other = write_images(tmp_path / "other", 1, first=60)[0]
    library.add_folder(other.rename(other.with_name("4.png")))
    answer = named.post("/delete_phash_features", json={"file_name": "4.png"})
    assert answer.status_code == 500
    assert answer.json() == {"detail": "Can't delete phash features"}


class ExpandedOptions(SearchOptions):
    """Options of a service that expands queries."""

    aqe_n: int | None = Field(default=None)


class ImageText(FakeService):
    """A service that knows one image, and what it was asked."""

    def __init__(self) -> None:
        super().__init__("image_text", HoldsImages, SearchesImages, SearchesText)
        self.options = ExpandedOptions
        self.asked: SearchRequest | None = None
        self.text = ""

    working_side: int | None = None
    extract = put = remove = ids = FakeService.refuse

    def search(self, _: ImageFile, request: SearchRequest) -> Answer:
        self.asked = request
        return Answer((Match(ImageId(3), 0.5),))

    def search_by_id(self, _: ImageId, request: SearchRequest) -> Answer:
        self.asked = request
        return Answer()

    def search_text(self, text: str, request: SearchRequest) -> Answer:
        self.text, self.asked = text, request
        return Answer((Match(ImageId(3), 0.75),))


def test_a_service_added_later_has_its_routes(library: Library) -> None:
    service, app = ImageText(), FastAPI()
    app.state.uploads = UploadBudget(2**20, wait_s=1)
    names = FileNames(library.components.catalog)
    add_legacy(app, legacy_service_routes([service], limits=Limits(), names=names))
    client = TestClient(app)
    assert set(client.get("/openapi.json").json()["paths"]) == {
        "/calculate_image_text_features",
        "/delete_image_text_features",
        "/image_text_features_get_similar_images_by_id",
        "/image_text_features_get_similar_images_by_image_buffer",
        "/image_text_features_get_similar_images_by_text",
    }
    path = "/image_text_features_get_similar_images_by_image_buffer"
    found = similar(client, path, k="1", aqe_n="3", aqe_alpha="1")
    assert found == [{"image_id": 3, "distance": 1}]  # twice the cosine distance
    assert service.asked == SearchRequest(k=1, options={"aqe_n": 3})
    assert similar(client, path, distance_threshold="1.5") == found
    assert service.asked == SearchRequest(radius=0.75)
    path = "/image_text_features_get_similar_images_by_text"
    answer = client.post(path, json={"text": "a red door", "k": "1"})
    assert answer.json() == [{"image_id": 3, "distance": 1.5}]
    assert (service.text, service.asked) == ("a red door", SearchRequest(k=1))
    assert client.post(path, json={"k": "5"}).status_code == 422


def test_a_service_that_runs_alone_has_its_own_routes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AMBIENCE_LEGACY_ROUTES", "true")
    monkeypatch.setenv("AMBIENCE_LEGACY_FILE_NAMES", "true")
    with serving(tmp_path / "data", "phash") as (server, client):
        files = {"image": SCENE}
        new = client.post(
            "/calculate_phash_features", files=files, data={"image_id": "7"}
        )
        assert (new.status_code, new.content) == (200, b"")
        path = "/phash_get_similar_images_by_image_buffer"
        found = client.post(path, files=files, data={"k": "1"})
        itself = {"image_id": 7, "distance": 0, "file_name": "7.online"}
        assert found.json() == [itself]
        assert client.get("/").json() == {"Hello": "World"}
        for path in (
            "/calculate_all_image_features",
            "/reverse_search",
            "/get_image_tags",
        ):
            assert client.post(path, files=files).status_code == 404
        assert server.stop() == 0
