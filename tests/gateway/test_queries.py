"""A search is made with an image, an image of the library, or an address."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from ambience import registry
from ambience.core.features import ImageId
from ambience.ingest.fetching.fetcher import Fetcher
from ambience.library.library import Library
from ambience.search.questions import ById
from ambience.search.reverse_search import ReverseSearcher
from ambience.service.unavailable_service import UnavailableService
from tests.drawing import drawn_image, encode
from tests.gateway.searching import asked, ids, refused
from tests.gateways import gateway_app
from tests.ingest.fetching.web_server import answer, web_server
from tests.library import as_shipped

SCENE = drawn_image(70, (300, 400))


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"url": "", "text": ""},
        {"url": "http://a.test/", "text": "cat"},
        {"text": "cat", "image_id": "1"},
        {"image": encode(SCENE), "image_id": "1"},
        {"image": encode(SCENE), "url": "http://a.test/", "region": "0,0,1,1"},
    ],
)
def test_exactly_one_query_is_given(client: TestClient, form: dict[str, Any]) -> None:
    assert refused(client, **form) == (
        422,
        "give exactly one of image, url, text and image_id",
    )


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"image_id": "-1"}, "image_id: Input should be greater than or equal to 0"),
        ({"image_id": "one"}, "image_id: give a whole number"),
        ({"image_id": "1", "min_score": "1.1"}, "min_score: Input should be less"),
        ({"image_id": "1", "min_score": "nan"}, "min_score: give a number"),
        ({"image_id": "1", "region": "1,2,3"}, "region: give x,y,width,height in"),
        ({"text": "a" * 1001}, "text: String should have at most 1000 characters"),
        ({"text": "a", "region": "0,0,1,1"}, "region: words have none"),
        ({"url": "http://a.test/" + "a" * 5000}, "url: String should have at most"),
    ],
)
def test_what_is_out_of_range_is_said_once(
    client: TestClient, form: dict[str, Any], sentence: str
) -> None:
    status, said = refused(client, **form)
    assert status == 422
    assert said.startswith(sentence)
    assert ";" not in said


# -- a known image --------------------------------------------------------------------


def test_an_image_of_the_library_finds_its_copies_but_not_itself(
    client: TestClient, folder: Path
) -> None:
    same = (folder / "3.png").read_bytes()
    lossless = encode(drawn_image(3, (60, 80)), "WEBP", lossless=True)
    smaller = encode(drawn_image(3, (60, 80)), "JPEG", quality=60)
    for number, data in enumerate([same, lossless, smaller, same]):
        client.put(f"/api/images/{1000 + number}", files={"image": data})
    body = asked(client, image_id=1000)
    original = ids(asked(client, image=same, k=1))[0]
    found = {match["image_id"]: match["relation"] for match in body["matches"]}
    assert found.pop(original) == "same_file"
    assert found.pop(1001) == "same_pixels"
    assert found.pop(1002) == "re_encoded"
    assert found.pop(1003) == "same_file"
    assert 1000 not in found
    assert body["matches"][0]["evidence"]["file"]
    assert set(body["services"]) == set(registry.BUILTIN)


def test_an_image_without_a_file_is_searched_with_all_the_same(
    client: TestClient,
) -> None:
    copy = encode(SCENE, "JPEG", quality=60)
    client.put(
        "/api/images/1000", files={"image": encode(SCENE)}, data={"keep": "false"}
    )
    client.put("/api/images/1001", files={"image": copy})
    (match,) = asked(client, image_id=1000, find_duplicate="1")["matches"]
    assert (match["image_id"], match["relation"]) == (1001, "re_encoded")


def test_an_image_that_nobody_knows_is_not_found(client: TestClient) -> None:
    status, said = refused(client, image_id=77)
    assert status == 404
    assert said.startswith("nobody here knows image 77; phash: ")
    assert refused(client, image_id=77, region="0,0,1,1")[0] == 404
    assert refused(client, image_id=77, find_duplicate="1")[0] == 404


def test_a_service_that_missed_an_image_is_listed_and_the_rest_answers(
    client: TestClient, folder: Path
) -> None:
    data = (folder / "3.png").read_bytes()
    client.put("/api/images/1000", files={"image": data})
    client.delete("/api/phash/images/1000")
    body = asked(client, image_id=1000)
    assert body["matches"][0]["relation"] == "same_file"
    assert set(body["services"]) == set(registry.BUILTIN) - {"phash"}
    (away,) = body["unavailable"]
    assert away["service"] == "phash"
    assert "image 1000" in away["reason"]


def test_an_image_that_one_service_alone_knows_is_searched_with(
    client: TestClient, folder: Path
) -> None:
    data = (folder / "3.png").read_bytes()
    client.put("/api/phash/images/1000", files={"image": data})
    body = asked(client, image_id=1000)
    assert body["matches"][0]["relation"] == "re_encoded"
    assert set(body["services"]) == {"phash"}
    assert {away["service"] for away in body["unavailable"]} == (
        set(registry.BUILTIN) - {"phash"}
    )


def test_an_image_that_every_service_missed_finds_equal_files(
    client: TestClient, folder: Path
) -> None:
    client.put("/api/images/1000", files={"image": (folder / "3.png").read_bytes()})
    for name in registry.BUILTIN:
        client.delete(f"/api/{name}/images/1000")
    body = asked(client, image_id=1000)
    assert [match["relation"] for match in body["matches"]] == ["same_file"]
    assert body["services"] == {}


def test_while_all_services_are_away_an_unknown_image_is_not_found(
    library: Library,
) -> None:
    away = UnavailableService("phash", "run `ambience rebuild phash`")
    parts = library.components
    searcher = ReverseSearcher(
        [away], parts.catalog, parts.originals, calibration=as_shipped()
    )
    replaced = Library(replace(parts, searcher=searcher))
    with TestClient(gateway_app(replaced)) as client:
        assert refused(client, image_id=77) == (
            404,
            "nobody here knows image 77; phash: run `ambience rebuild phash`",
        )
        assert asked(client, image_id=1)["unavailable"]
    searcher.close()


def test_nothing_is_decoded_to_search_with_a_known_image(
    library: Library, folder: Path
) -> None:
    for path in folder.iterdir():
        path.write_bytes(b"no longer an image")
    found = library.components.searcher.search(ById(ImageId(1)), k=5)
    assert set(found.services) == set(registry.BUILTIN)


# -- scores ---------------------------------------------------------------------------


def test_the_cut_can_be_lowered_and_raised(client: TestClient) -> None:
    query = encode(drawn_image(3, (60, 80)), "JPEG", quality=60)

    def scores(**form: float) -> list[float]:
        return [m["score"] for m in asked(client, image=query, **form)["matches"]]

    every = scores(min_score=0)
    assert max(every) > 0.5 > min(every)
    assert scores() == [score for score in every if score >= 0.5]
    for cut in every:
        assert scores(min_score=cut) == [score for score in every if score >= cut]


# -- an address -----------------------------------------------------------------------


def test_without_a_fetcher_the_setting_is_named(client: TestClient) -> None:
    status, said = refused(client, url="http://photos.test/a.jpg")
    assert status == 422
    assert "set search_by_url.enabled = true" in said


@pytest.fixture
def fetching(library: Library, folder: Path) -> Iterator[tuple[TestClient, str]]:
    """A gateway that fetches from a server on this machine, and its address."""
    answers = {
        "/3.png": answer((folder / "3.png").read_bytes()),
        "/page": answer(b"<!doctype html><html>secret</html>"),
        "/large": answer(bytes(2**20 + 1)),
        "/lost": answer(status=404),
    }
    with web_server(answers) as server:
        fetcher = Fetcher(
            limits=library.components.limits,
            timeout_s=30,
            allowed=lambda address: str(address) == "127.0.0.1",
            ports={server.port},
        )
        fetching = Library(replace(library.components, fetcher=fetcher))
        with TestClient(gateway_app(fetching)) as client:
            yield client, f"http://127.0.0.1:{server.port}"


def test_what_is_fetched_is_an_image_like_any_other(
    fetching: tuple[TestClient, str], folder: Path
) -> None:
    client, url = fetching
    sent = asked(client, image=(folder / "3.png").read_bytes())
    found = asked(client, url=f" {url}/3.png ")
    assert found["matches"] == sent["matches"]
    assert found["matches"][0]["relation"] == "same_file"
    part = asked(client, url=f"{url}/3.png", region="0,0,40,30")
    assert all(match["relation"] != "same_file" for match in part["matches"])


@pytest.mark.parametrize(
    ("path", "status", "sentence"),
    [
        ("/page", 415, "this is not an image (a web page"),
        ("/large", 413, "the file has 1.0 MiB, more than the limit of 1.0"),
        ("/lost", 502, "127.0.0.1 answered 404 instead of an image"),
    ],
)
def test_what_is_no_image_is_said(
    fetching: tuple[TestClient, str], path: str, status: int, sentence: str
) -> None:
    client, url = fetching
    answered, said = refused(client, url=url + path)
    assert answered == status
    assert said.startswith(sentence)
    assert "secret" not in said


def test_nothing_is_fetched_for_a_form_that_is_wrong(
    fetching: tuple[TestClient, str],
) -> None:
    client, url = fetching
    for wrong in ({"k": "0"}, {"region": "1"}, {"colour": "red"}):
        status, said = refused(client, url=f"{url}/lost", **wrong)
        assert status == 422
        assert "answered" not in said
