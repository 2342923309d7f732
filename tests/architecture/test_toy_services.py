"""Services of another package take part in everything, by one line each."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from ambience import registry
from ambience.cli import main
from ambience.core.settings import load_settings
from ambience.imaging import ImageFile, Limits
from ambience.library.opened_services import open_services
from ambience.service import required
from ambience.service.capabilities import Annotates, Annotation
from ambience.web.app import create_app
from tests.congruence.test_services import served
from tests.drawing import drawn_image, encode
from tests.gateways import gateway_app
from tests.library import opened_library, write_images

ENTRY_POINTS = Path(__file__).parent / "toy_services"
HELD = ["toy_shades", "toy_words"]
TOYS = [*HELD, "toy_sizes"]
COUNT = 4
QUERY = encode(drawn_image(2, (60, 80)), "JPEG", quality=60)
SIZE: dict[str, Any] = {
    "text": "80 by 60 pixels",
    "details": {"width": 80, "height": 60},
    "model": "a ruler",
}


@pytest.fixture
def enabled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """What the one setting says that asks the toys, whose package is there."""
    monkeypatch.syspath_prepend(ENTRY_POINTS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AMBIENCE_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("AMBIENCE_ENABLED", json.dumps(["phash", *TOYS]))
    write_images(tmp_path / "photos", COUNT)
    return ("phash", *TOYS)


@pytest.fixture(params=["here", "elsewhere"])
def client(
    request: pytest.FixtureRequest, enabled: tuple[str, ...], tmp_path: Path
) -> Iterator[TestClient]:
    """A gateway with a few images and the toys, here or in another process' place."""
    with ExitStack() as stack:
        urls: dict[str, dict[str, str]] = {}
        if request.param == "elsewhere":
            toys = open_services(load_settings(), tmp_path / "toys", TOYS)
            for toy in toys:
                stack.callback(toy.close)
            url = stack.enter_context(served(create_app(toys, limits=Limits())))
            urls = {name: {"url": url} for name in TOYS}
        library = stack.enter_context(
            opened_library(tmp_path / "data", enabled=enabled, services=urls)
        )
        report = library.add_folder(tmp_path / "photos")
        assert (report.added, report.failed) == (COUNT, [])
        for service in library.components.services:
            assert service.status()["available"]
        yield stack.enter_context(TestClient(gateway_app(library)))


Run = Callable[..., dict[str, Any]]


@pytest.fixture
def run(enabled: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command on a library with the toys; return what it says as JSON."""
    assert enabled
    assert main(["import", "photos", "--json"]) == 0
    capsys.readouterr()

    def run(*words: str) -> dict[str, Any]:
        main([*words, "--json"])
        said: dict[str, Any] = json.loads(capsys.readouterr().out)
        return said

    return run


def test_they_are_known_by_name_and_none_of_them_is_asked_by_itself(
    enabled: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert set(registry.names()) == {*registry.BUILTIN, *TOYS}
    assert [registry.load(name).name for name in TOYS] == TOYS
    monkeypatch.delenv("AMBIENCE_ENABLED")
    assert registry.enabled(load_settings()) == tuple(registry.BUILTIN)
    assert registry.enabled(load_settings(enabled=enabled)) == enabled


def test_what_is_imported_is_held_by_those_that_hold_images(client: TestClient) -> None:
    for name in HELD:
        assert client.get(f"/api/{name}").json()["count"] == COUNT
        assert len(client.get(f"/api/{name}/images").json()["image_ids"]) == COUNT
    state = client.get("/api/toy_sizes").json()
    assert state == {
        "name": "toy_sizes",
        "available": True,
        "abilities": ["annotates"],
        "model": "a ruler",
    }
    put = client.put("/api/images/700", files={"image": QUERY}).json()
    assert put["services"] == dict.fromkeys(["phash", *HELD], "stored")


def test_each_has_the_routes_of_what_it_can_do(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    for name in TOYS:
        routes = {p.removeprefix(f"/api/{name}") for p in paths if f"/{name}" in p}
        held = {"/images", "/images/{image_id}", "/images/{image_id}/similar"}
        does = {"/annotate"} if name == "toy_sizes" else {"/search", *held}
        assert routes == {"", *does}


def test_each_is_asked_by_its_routes(client: TestClient) -> None:
    image = {"image": QUERY}
    near = client.post("/api/toy_shades/search?k=1", files=image).json()["matches"]
    (same,) = client.get("/api/phash/images?limit=1").json()["image_ids"]
    assert [(match["image_id"], match["distance"] < 5) for match in near] == [
        (same + 2, True)
    ]
    dark = client.post("/api/toy_words/search", data={"text": "dark", "k": "9"}).json()
    light = client.post("/api/toy_words/search", data={"text": "light", "k": "9"})
    ids = [match["image_id"] for match in dark["matches"]]
    assert len(ids) == COUNT
    assert [match["image_id"] for match in light.json()["matches"]] == ids[::-1]
    assert client.post("/api/toy_sizes/annotate", files=image).json() == SIZE
    assert client.post("/api/toy_sizes/annotate", files={"image": b"x"}).is_error
    assert client.post("/api/toy_sizes/search?k=1", files=image).status_code == 404


def test_what_they_find_is_merged_as_they_declare_it(client: TestClient) -> None:
    found = client.post("/api/reverse_search", files={"image": QUERY}).json()
    assert found["unavailable"] == []
    assert set(found["services"]) == {"phash", *HELD}
    assert found["matches"][0]["relation"] == "re_encoded"
    assert set(found["matches"][0]["evidence"]) >= {"phash", "toy_shades"}
    only = {"services": "toy_shades"}
    alone = client.post("/api/reverse_search", files={"image": QUERY}, data=only).json()
    assert alone["matches"][0]["summary"].endswith("of 64 tiles differ")
    words = client.post("/api/reverse_search", data={"text": "dark"}).json()
    assert set(words["services"]) == {"toy_words"}  # it says, and claims nothing
    assert words["matches"] == []


def test_they_are_measured(client: TestClient) -> None:
    numbers = client.get("/metrics").text
    for name in TOYS:
        assert f'ambience_service_available{{service="{name}"}} 1.0' in numbers
        held = f'ambience_service_images{{service="{name}"}} {COUNT}.0' in numbers
        missed = f'ambience_service_missed{{service="{name}"}} 0.0' in numbers
        assert held is missed is (name in HELD)
    assert client.get("/readyz").json()["unavailable"] == []


def test_what_one_lacks_is_found_and_repaired(run: Run) -> None:
    with (
        opened_library(Path("data")) as library,
        TestClient(gateway_app(library)) as client,
    ):
        (known,) = client.get("/api/toy_shades/images?limit=1").json()["image_ids"]
        assert client.delete(f"/api/toy_shades/images/{known}").status_code == 204
    before = {one["name"]: one for one in run("check")["services"]}
    assert before["toy_shades"]["absent"] == 1
    assert before["toy_words"]["absent"] == 0
    assert (before["toy_words"]["read"], before["toy_sizes"]["read"]) == (COUNT, 0)
    assert not before["toy_sizes"]["holds_images"]
    repaired = run("check", "--repair")
    assert repaired["in_step"]
    assert {one["name"]: one["count"] for one in repaired["services"]} == {
        "phash": COUNT,
        "toy_shades": COUNT,
        "toy_words": COUNT,
        "toy_sizes": 0,
    }


def test_commands_do_what_they_can_and_say_so_otherwise(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("rebuild", "toy_shades")["rows"] == COUNT
    for command, name, why in [
        ("rebuild", "toy_sizes", "toy_sizes has no index to be made anew"),
        ("train", "toy_sizes", "toy_sizes has nothing to train"),
        ("train", "toy_shades", "toy_shades has nothing to train"),
    ]:
        assert main([command, name]) == 1
        assert capsys.readouterr().err == f"ambience: {why}\n"


def test_an_annotation_is_the_same_elsewhere(
    enabled: tuple[str, ...], tmp_path: Path
) -> None:
    (here,) = open_services(load_settings(), tmp_path, ["toy_sizes"])
    image = ImageFile(QUERY)
    expected = [Annotation(SIZE["text"], SIZE["details"], SIZE["model"])]
    with ExitStack() as stack:
        stack.callback(here.close)
        server = stack.enter_context(ExitStack())
        url = server.enter_context(served(create_app([here], limits=Limits())))
        services = {"toy_sizes": {"url": url}}
        library = stack.enter_context(
            opened_library(tmp_path / "data", enabled=enabled, services=services)
        )
        there = library.components.services[-1]
        for service in (here, there):
            assert required(service, Annotates).annotate([image]) == expected
        assert there.status() == here.status()
        server.close()
        state = there.status()
        assert (state["available"], state["abilities"]) == (False, ["annotates"])
