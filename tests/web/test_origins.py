"""A page from elsewhere makes a browser ask, and nothing is done for it."""

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from ambience.core.errors import BadParameterError
from ambience.core.settings import load_settings
from ambience.imaging import Limits
from ambience.web.app import create_app
from ambience.web.origins import KnownOrigins

FRIEND = "https://photos.example.org"
NAVIGATION = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE"]


@pytest.fixture
def client() -> TestClient:
    route = Route("/", lambda _: PlainTextResponse("hello"), methods=METHODS)
    app = KnownOrigins(Starlette(routes=[route]), allowed=[FRIEND + "/"])
    return TestClient(app, base_url="http://localhost:44444")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "none"},
        {"origin": "http://localhost:44444"},
        {"origin": "HTTP://LOCALHOST:44444"},
        {"origin": FRIEND},
        {"origin": FRIEND, "sec-fetch-site": "cross-site"},
        # Behind a proxy that asks us by another name than it was asked by.
        {"origin": "https://outside.example", "sec-fetch-site": "same-origin"},
        {"origin": "https://outside.example", "host": "outside.example"},
        {"origin": "https://outside.example", "host": "outside.example:443"},
    ],
    ids=str,
)
def test_programs_and_our_own_pages_are_answered(
    client: TestClient, method: str, headers: dict[str, str]
) -> None:
    assert client.request(method, "/", headers=headers).status_code == 200


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "new-kind"},
        {"origin": "null"},
        {"origin": "null", "host": "null"} | {"sec-fetch-site": "cross-site"},
        {"origin": "null", "host": ""},
        {"origin": "http://localhost:8000"},
        {"origin": "http://localhost"},
        {"origin": "http://localhost:44444.evil.example"},
        {"origin": "http://evil.example"},
        {"origin": FRIEND + ".evil.example"},
        {"origin": "http://photos.example.org"},
        {"origin": "https://evil.example", "sec-fetch-site": "cross-site"},
    ],
    ids=str,
)
def test_a_page_from_elsewhere_is_told_the_setting(
    client: TestClient, method: str, headers: dict[str, str]
) -> None:
    answer = client.request(method, "/", headers=headers)
    assert answer.status_code == 403
    assert answer.headers["content-type"] == "application/problem+json"
    if method != "HEAD":
        assert "allowed_origins" in answer.json()["detail"]


def test_no_second_origin_passes(client: TestClient) -> None:
    headers = [("origin", "http://localhost:44444"), ("origin", "http://evil.example")]
    assert client.post("/", headers=headers).status_code == 403


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("GET", {}, 200),
        ("HEAD", {}, 200),
        ("POST", {}, 403),
        ("GET", {"sec-fetch-dest": "iframe"}, 403),
        ("GET", {"sec-fetch-dest": "image", "sec-fetch-mode": "no-cors"}, 403),
        ("GET", {"sec-purpose": "prefetch;prerender"}, 403),
    ],
)
def test_a_link_may_be_followed_and_no_more(
    client: TestClient, method: str, headers: dict[str, str], status: int
) -> None:
    sent = {"sec-fetch-site": "cross-site"} | NAVIGATION | headers
    assert client.request(method, "/", headers=sent).status_code == status


@pytest.mark.parametrize("path", ["/healthz", "/docs", "/nothing", "/openapi.json"])
def test_no_answer_is_shown_by_a_page_from_elsewhere(path: str) -> None:
    with TestClient(create_app([], limits=Limits())) as client:
        for headers in ({}, {"origin": "https://evil.example"}):
            answer = client.get(path, headers=headers)
            policy = answer.headers["cross-origin-resource-policy"]
            assert policy == "same-origin"
            assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("origin", ["photos.example.org", "null", "https://a/b", "*"])
def test_what_is_no_origin_is_no_setting(origin: str) -> None:
    with pytest.raises(BadParameterError, match="allowed_origins"):
        load_settings(allowed_origins=(origin,))
