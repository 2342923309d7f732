"""The page's files come with what browsers need to keep and to guard them."""

from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from ambience import gallery
from ambience.core.matches import Relation
from ambience.registry import BUILTIN

STATIC = Path(gallery.__file__).with_name("static")
FILES = sorted(path.name for path in STATIC.iterdir())
KINDS = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@pytest.fixture
def client() -> Iterator[httpx2.Client]:
    app = FastAPI()
    app.include_router(gallery.pages(lambda: None))
    with TestClient(app) as client:
        yield client


@pytest.mark.parametrize("name", FILES)
def test_every_file_is_served_as_what_it_is(client: httpx2.Client, name: str) -> None:
    answer = client.get(f"/gallery/{name}")
    assert answer.content == (STATIC / name).read_bytes()
    assert answer.headers["content-type"] == KINDS[Path(name).suffix]
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_page_is_at_the_root(client: httpx2.Client) -> None:
    assert client.get("/").content == (STATIC / "index.html").read_bytes()


def test_what_has_not_changed_is_not_sent_again(client: httpx2.Client) -> None:
    first = client.get("/")
    assert first.headers["cache-control"] == "no-cache"
    etag = first.headers["etag"]
    again = client.get("/", headers={"if-none-match": f'"other", W/{etag}'})
    assert again.status_code == HTTPStatus.NOT_MODIFIED
    assert again.content == b""
    other = client.get("/", headers={"if-none-match": '"other"'})
    assert other.status_code == HTTPStatus.OK


def test_only_scripts_and_styles_of_our_own_run(client: httpx2.Client) -> None:
    policy = client.get("/").headers["content-security-policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == "'self'"
    assert rules["img-src"] == "'self' blob: data:"


@pytest.mark.parametrize("name", ["nothing.js", "..%2Fpages.py", "%2e%2e"])
def test_nothing_else_is_served(client: httpx2.Client, name: str) -> None:
    assert client.get(f"/gallery/{name}").status_code == HTTPStatus.NOT_FOUND


def test_no_import_is_under_way(client: httpx2.Client) -> None:
    answer = client.get("/api/import_progress").json()
    assert answer == {"running": False, "done": 0, "total": 0}


@pytest.mark.parametrize("name", [*Relation, *BUILTIN])
def test_the_page_has_a_word_for_it(name: str) -> None:
    assert f"\n  {name}: " in (STATIC / "words.js").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", FILES)
def test_the_page_loads_every_file_at_once(name: str) -> None:
    page = (STATIC / "index.html").read_text(encoding="utf-8")
    assert name == "index.html" or f'"gallery/{name}"' in page


@pytest.mark.parametrize("name", FILES)
def test_a_file_opens_with_a_sentence(name: str) -> None:
    lines = (STATIC / name).read_text(encoding="utf-8").splitlines()
    opening = lines[0] if name.endswith((".js", ".css")) else lines[1]
    sentence = opening.strip().strip("/*<>!- ")
    assert sentence.endswith(".")
    assert len(sentence.split()) > 3
