"""A page on another port of this machine can't use the server through a browser."""

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx2
import pytest
from playwright.sync_api import Browser, Page

from tests.drawing import drawn_image, encode
from tests.server import Server, serving

NEW = 4000  # an image that is not there
SEND = """async ([url, id, data]) => {
    const body = new FormData();
    body.append("image", new Blob([new Uint8Array(data)]), "a.png");
    body.append("image_id", id);
    // It fails where even the blank answer is kept from the page.
    await fetch(url, {method: "POST", mode: "no-cors", body}).catch(() => null);
}"""
SUBMIT = """([url, id]) => new Promise((resolve) => {
    document.body.innerHTML =
        `<iframe name="answer"></iframe>
         <form method="post" target="answer" enctype="multipart/form-data">
         <input name="image_id" value="${id}"></form>`;
    document.forms[0].action = url;
    document.querySelector("iframe").onload = resolve;
    document.forms[0].submit();
})"""
SHOW = """(url) => new Promise((resolve) => {
    const image = new Image();
    image.onload = () => resolve(true);
    image.onerror = () => resolve(false);
    image.src = url;
})"""


class _Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>elsewhere</title>")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def attacked(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Server, httpx2.Client]]:
    """A server with one image, and with the original's routes beside ours."""
    data = tmp_path_factory.mktemp("attacked") / "data"
    legacy = {"AMBIENCE_LEGACY_ROUTES": "true", "AMBIENCE_ENABLED": '["phash"]'}
    with serving(data, environment=legacy) as (server, client):
        image = encode(drawn_image(1, (60, 80)))
        client.put("/api/images/1", files={"image": image}).raise_for_status()
        yield server, client


@pytest.fixture
def elsewhere(browser: Browser) -> Iterator[Page]:
    """A page that is not ours."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Page) as other:
        thread = threading.Thread(target=other.serve_forever)
        thread.start()
        with browser.new_context() as context:
            page = context.new_page()
            page.goto(f"http://127.0.0.1:{other.server_port}/")
            yield page
        other.shutdown()
        thread.join()


def counted(client: httpx2.Client, route: str) -> list[str]:
    """Return the lines that count the requests of a route."""
    lines = client.get("/metrics").text.splitlines()
    return [x for x in lines if x.startswith("ambience_requests_total") and route in x]


def test_what_it_sends_is_not_obeyed(
    attacked: tuple[Server, httpx2.Client], elsewhere: Page
) -> None:
    server, client = attacked
    image = list(encode(drawn_image(2, (60, 80))))
    for path in ("/api/reverse_search", "/api/phash/search"):
        elsewhere.evaluate(SEND, [f"{server.url}{path}", NEW, image])
        elsewhere.evaluate(SUBMIT, [f"{server.url}{path}", NEW])
    url = f"{server.url}/calculate_all_image_features"
    elsewhere.evaluate(SEND, [url, NEW, image])
    elsewhere.evaluate(SUBMIT, [url, NEW])
    assert client.get(f"/api/images/{NEW}").status_code == 404
    assert counted(client, "calculate_all") == counted(client, "reverse_search") == []


def test_the_same_from_our_own_page_is_obeyed(
    attacked: tuple[Server, httpx2.Client], browser: Browser
) -> None:
    server, client = attacked
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(server.url)
        image = list(encode(drawn_image(3, (60, 80))))
        url = f"{server.url}/calculate_all_image_features"
        page.evaluate(SEND, [url, NEW + 1, image])
        assert page.evaluate(SHOW, f"{server.url}/api/images/1/thumbnail")
    assert client.get(f"/api/images/{NEW + 1}").is_success


def test_it_shows_none_of_our_images_and_starts_no_search(
    attacked: tuple[Server, httpx2.Client], elsewhere: Page
) -> None:
    server, client = attacked
    for what in ("thumbnail", "view", "file"):
        assert not elsewhere.evaluate(SHOW, f"{server.url}/api/images/1/{what}")
    assert not elsewhere.evaluate(SHOW, f"{server.url}/gallery/icon.svg")
    elsewhere.evaluate(SHOW, f"{server.url}/api/phash/images/1/similar?k=5")
    assert counted(client, "/similar") == []


def test_a_link_to_us_can_be_followed(
    attacked: tuple[Server, httpx2.Client], elsewhere: Page
) -> None:
    server, _ = attacked
    elsewhere.set_content(f'<a href="{server.url}/">to the gallery</a>')
    elsewhere.click("a")
    elsewhere.wait_for_url(f"{server.url}/")
    assert "ambience" in elsewhere.title()


def test_browsers_name_no_site_to_a_server_of_the_network_but_an_origin(
    attacked: tuple[Server, httpx2.Client],
) -> None:
    # A browser sends Sec-Fetch-Site over plain HTTP only to this machine.
    server, client = attacked
    address = socket.gethostbyname("localhost")
    headers = {"origin": f"http://{address}:1"}
    answer = client.post("/api/reverse_search", data={"image_id": 1}, headers=headers)
    assert answer.status_code == 403
    headers = {"origin": server.url}
    answer = client.post("/api/reverse_search", data={"image_id": 1}, headers=headers)
    assert answer.is_success
