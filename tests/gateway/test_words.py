"""Words are asked of the services that read them, here and elsewhere."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from ambience.core.errors import BadParameterError, UnavailableError
from ambience.core.features import Feature, ImageId
from ambience.core.matches import Answer, Match
from ambience.core.settings import ServiceSettings
from ambience.imaging import ImageFile, Limits
from ambience.library.library import Library
from ambience.remote.remote_service import connect
from ambience.search.questions import ByWords
from ambience.search.reverse_search import ReverseSearcher
from ambience.service import (
    AnyService,
    SearchRequest,
    ServiceParts,
    ServiceSpec,
    VectorService,
    required,
)
from ambience.service.capabilities import RETRIEVAL, SearchesText
from ambience.service.unavailable_service import UnavailableService
from ambience.services.color.extract import L1Extractor
from ambience.web.app import create_app
from tests.abilities import put
from tests.congruence.test_services import served
from tests.drawing import drawn_image, encode
from tests.gateways import gateway_app
from tests.library import as_shipped

IMAGE = encode(drawn_image(1, (60, 80)))
COLORS = {"red": 0, "green": 1, "blue": 2}


class NamedColors(VectorService):
    """Finds images by the name of the color that there is most of."""

    def search_text(
        self,
        text: str,
        request: SearchRequest,
    ) -> Answer:
        if text not in COLORS:
            raise BadParameterError(f"{text!r} is no color: name red, green or blue")
        return request.answer(
            [
                Match(image_id, 1 - self._share(image_id, text), {"word": text})
                for image_id in self.ids()
            ]
        )

    def _share(self, image_id: ImageId, text: str) -> float:
        """Return how much of an image a color is."""
        feature: Feature = self._collection.get([image_id])[image_id]
        cells = feature.rows[0].reshape(8, 8, 8).astype(float) / feature.rows.sum()
        others = tuple({0, 1, 2} - {COLORS[text]})
        return float(cells.sum(axis=others) @ range(8) / 7)


def assemble(parts: ServiceParts[Any]) -> NamedColors:
    return NamedColors(
        name=parts.name,
        extractor=parts.extractor,
        collection=parts.engine.vectors(parts.name, parts.extractor.spec),
    )


NAMED_COLORS = ServiceSpec(
    name="named_colors",
    port=33399,
    settings=ServiceSettings,
    abilities=RETRIEVAL | {SearchesText},
    make_extractor=lambda *_: L1Extractor(),
    assemble=assemble,
)


def filled(red: int, green: int, blue: int) -> ImageFile:
    """Return an image of one color."""
    pixels = drawn_image(1, (60, 80))
    pixels[:] = (red, green, blue)
    return ImageFile(encode(pixels))


@pytest.fixture(params=["here", "elsewhere"])
def named(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AnyService]:
    """A service that reads words, in this process or behind a real socket."""
    with ExitStack() as stack:
        named: AnyService = NAMED_COLORS.open_here(
            ServiceSettings(), tmp_path / "named"
        )
        stack.callback(named.close)
        colors = [(200, 30, 30), (30, 200, 30), (30, 30, 200)]
        put(named, {ImageId(i): filled(*c) for i, c in enumerate(colors, 1)})
        if request.param == "elsewhere":
            url = stack.enter_context(served(create_app([named], limits=Limits())))
            named = connect(
                "named_colors", url, timeout_s=30, abilities=NAMED_COLORS.abilities
            )
            stack.callback(named.close)
        yield named


@pytest.fixture
def client(library: Library, named: AnyService) -> Iterator[TestClient]:
    """A gateway with one service that reads words, and others that don't."""
    parts = library.components
    services = [*parts.services, named]
    searcher = ReverseSearcher(
        services, parts.catalog, parts.originals, calibration=as_shipped()
    )
    both = Library(replace(parts, services=services, searcher=searcher))
    with TestClient(gateway_app(both)) as client:
        yield client
    searcher.close()


def test_words_find_what_they_describe(named: AnyService) -> None:
    reads = required(named, SearchesText)
    for image_id, word in enumerate(COLORS, 1):
        first, *others = (
            required(named, SearchesText).search_text(word, SearchRequest(k=3)).matches
        )
        assert (first.image_id, first.details) == (image_id, {"word": word})
        assert len(others) == 2
    near = reads.search_text("red", SearchRequest(radius=first.distance))
    assert [match.image_id for match in near.matches] == [1]


def test_words_that_a_service_does_not_know_are_refused(named: AnyService) -> None:
    with pytest.raises(BadParameterError, match="no color: name red, green or blue"):
        required(named, SearchesText).search_text("seven", SearchRequest(k=3))


def test_only_services_that_read_words_are_asked(client: TestClient) -> None:
    answer = client.post("/api/reverse_search", data={"text": "green"})
    assert answer.status_code == 200
    body = answer.json()
    assert set(body["services"]) == {"named_colors"}
    assert body["services"]["named_colors"]["matches"][0]["image_id"] == 2
    assert body["unavailable"] == []


def test_the_route_of_such_a_service_takes_either(client: TestClient) -> None:
    route = "/api/named_colors/search"
    words = client.post(route, data={"text": "blue", "k": "1"})
    assert [m["image_id"] for m in words.json()["matches"]] == [3]
    images = client.post(route, files={"image": IMAGE}, data={"k": "1"})
    assert len(images.json()["matches"]) == 1
    for answer in (
        client.post(route, data={"k": "1"}),
        client.post(route, files={"image": IMAGE}, data={"text": "blue", "k": "1"}),
    ):
        assert answer.status_code == 422
        assert answer.json()["detail"] == "give exactly one of image and text"


def test_services_that_compare_images_refuse_words(
    client: TestClient, library: Library
) -> None:
    answer = client.post("/api/color/search", data={"text": "blue", "k": "1"})
    assert answer.status_code == 422
    assert answer.json()["detail"] == (
        "unknown: text; this takes image, k, radius, orientations, background, metric"
    )
    for service in library.components.services:
        with pytest.raises(
            BadParameterError, match=f"{service.name} does not search by words: send"
        ):
            required(service, SearchesText)


def test_where_nobody_reads_words_that_is_said(
    client: TestClient, library: Library
) -> None:
    sentence = "no service here searches by words: "
    with pytest.raises(BadParameterError, match=sentence):
        library.components.searcher.search(ByWords("blue"), k=5)
    answer = client.post(
        "/api/reverse_search", data={"text": "blue", "services": "phash"}
    )
    assert answer.status_code == 422
    assert answer.json()["detail"] == (
        "no service here searches by words: send an image to phash"
    )


def test_words_have_no_duplicates(client: TestClient) -> None:
    form = {"text": "blue", "find_duplicate": "1"}
    answer = client.post("/api/reverse_search", data=form)
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("words have no duplicates")


def test_a_service_of_words_that_is_away_is_listed(library: Library) -> None:
    parts = library.components
    away = UnavailableService(
        "named_colors", "no model", abilities=NAMED_COLORS.abilities
    )
    with pytest.raises(UnavailableError):
        required(away, SearchesText).search_text("blue", SearchRequest(k=1))
    searcher = ReverseSearcher(
        [away], parts.catalog, parts.originals, calibration=as_shipped()
    )
    found = searcher.search(ByWords("blue"), k=5)
    searcher.close()
    assert found.unavailable == {"named_colors": "no model"}
