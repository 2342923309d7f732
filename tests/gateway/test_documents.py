"""The page at ``/docs`` shows every route, and loads and runs nothing."""

import base64
import hashlib
import re
from html import escape, unescape
from typing import Annotated

import pytest
from fastapi import FastAPI, Form
from starlette.testclient import TestClient

from ambience.web.docs_page import docs_page


@pytest.fixture
def page(client: TestClient) -> str:
    answer = client.get("/docs")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return answer.text


def test_every_route_is_there(client: TestClient, page: str) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    assert "/docs" not in paths
    for path, operations in paths.items():
        for method, operation in operations.items():
            assert f"<code>{method.upper()} {path}</code>" in page
            assert escape(operation["description"]) in page


def test_fields_statuses_and_examples_are_there(page: str) -> None:
    cell = re.compile(r"<td [^>]*>(.*?)</td>")
    rows = [cell.findall(unescape(line)) for line in page.splitlines()]
    means = "How many matches at most."
    assert [
        "<code>k</code>", "form", "integer, at least 1, at most 1000", "no",
        "<code>20</code>", means,
    ] in rows  # fmt: skip
    assert ["<code>image</code>", "form", "file", "yes", ""] in [r[:5] for r in rows]
    assert [
        "<code>image_id</code>", "path",
        "integer, at least 0, at most 9007199254740991", "yes", "",
        "The image's key.",
    ] in rows  # fmt: skip
    assert ["408", "The request came too slowly."] in rows
    assert '"relation": "re_encoded"' in unescape(page)


def test_nothing_is_loaded_and_nothing_runs(client: TestClient, page: str) -> None:
    assert re.findall(r"(?:src|href|action)=\"([^\"]*)\"", page) == ["openapi.json"]
    assert "url(" not in page
    assert "@import" not in page
    assert "<script" not in page.lower()
    assert re.findall(r"(?:https?:)?//[^\s\"<]+", page) == []
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    policy = client.get("/docs").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert f"style-src 'sha256-{digest}'" in policy
    assert "script-src" not in policy


def test_there_is_no_other_page(client: TestClient) -> None:
    for path in ("/redoc", "/docs/oauth2-redirect"):
        assert client.get(path).status_code == 404


def test_what_the_document_says_is_text() -> None:
    markup = "<img src=x onerror=alert(1)>\"'&"
    app = FastAPI(title=markup, description=markup, docs_url=None)
    app.include_router(docs_page(app.openapi))

    @app.post(f"/{markup}", tags=[markup], summary=markup, description=markup)
    def route(
        a: Annotated[str, Form(alias=markup, description=markup)] = markup,
    ) -> str:
        return a

    page = TestClient(app).get("/docs").text
    assert page.count(escape(markup)) > 6
    assert "<img" not in page
