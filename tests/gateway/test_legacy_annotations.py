"""The original's routes of tags and captions, whatever service is there for them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from ambience.gateway.legacy.annotation_routes import annotation_routes
from ambience.gateway.legacy.routing import add_legacy
from ambience.imaging import ImageFile, Limits
from ambience.remote.remote_service import RemoteService
from ambience.service.capabilities import Annotates, Annotation
from ambience.web.app import create_app
from tests.abilities import FakeService
from tests.gateway.test_legacy import NO_IMAGE, SCENE

TAGS, CAPTION = "/get_image_tags", "/get_image_caption"


class Says(FakeService):
    """Says the same of every image that can be read."""

    def __init__(self, name: str, text: str, details: Mapping[str, Any]) -> None:
        super().__init__(name, Annotates)
        self._said = Annotation(text, details)

    def annotate(self, images: Sequence[ImageFile]) -> list[Annotation]:
        assert all(image.info.size for image in images)
        return [self._said for _ in images]


SERVICES = (
    Says("tags", "indoor, kitchen", {"tags": ["indoor", "kitchen"]}),
    Says("caption", "a cat on a table", {}),
    Says("others", "nothing", {}),
)


def app_of(*services: Any, at_gateway: bool = False) -> FastAPI:
    limits = Limits()
    app = create_app(services, limits=limits)
    add_legacy(app, annotation_routes(services, limits=limits, at_gateway=at_gateway))
    return app


def asked(client: TestClient, path: str, image: bytes = SCENE) -> Any:
    return client.post(path, files={"image": image})


@pytest.fixture(params=["here", "elsewhere"])
def client(request: pytest.FixtureRequest) -> Iterator[TestClient]:
    """A gateway with both services, in this process or behind HTTP."""
    if request.param == "here":
        with TestClient(app_of(*SERVICES, at_gateway=True)) as client:
            yield client
        return
    with TestClient(app_of(*SERVICES)) as there:
        remote = [
            RemoteService(one.name, there, abilities=frozenset({Annotates}))
            for one in SERVICES
        ]
        with TestClient(app_of(*remote, at_gateway=True)) as client:
            yield client


def test_they_answer_as_the_original_did(client: TestClient) -> None:
    assert asked(client, TAGS).json() == ["indoor", "kitchen"]
    assert asked(client, CAPTION).json() == "a cat on a table"


def test_what_can_not_be_done_is_a_500_with_its_sentence(client: TestClient) -> None:
    for path, sentence in (
        (TAGS, "Can't get image tags"),
        (CAPTION, "Can't get image caption"),
    ):
        answer = asked(client, path, NO_IMAGE)
        assert (answer.status_code, answer.json()) == (500, {"detail": sentence})
        assert client.post(path, data={"k": "1"}).status_code == 422


def test_an_annotation_without_a_list_of_tags_is_no_answer() -> None:
    with TestClient(app_of(Says("tags", "indoor", {"tags": "indoor"}))) as client:
        answer = asked(client, TAGS)
    assert (answer.status_code, answer.json()) == (
        500,
        {"detail": "Can't get image tags"},
    )


def test_a_gateway_without_such_services_says_so(legacy: TestClient) -> None:
    for path, name in ((TAGS, "tags"), (CAPTION, "caption")):
        answer = asked(legacy, path)
        assert answer.status_code == 500
        assert answer.json() == {
            "statusCode": 500,
            "code": "ECONNREFUSED",
            "error": "Internal Server Error",
            "message": f"there is no service {name} here",
        }


def test_a_service_alone_has_the_route_of_its_own_name() -> None:
    with TestClient(app_of(SERVICES[0], SERVICES[2])) as client:
        assert asked(client, TAGS).json() == ["indoor", "kitchen"]
        assert asked(client, CAPTION).status_code == 404
