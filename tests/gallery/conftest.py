"""A small library, served, and a browser that tells when something is wrong."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Page,
    Request,
    expect,
    sync_playwright,
)

from tests.drawing import drawn_image, encode
from tests.server import MAIN, serving

CHROMIUM = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WIDE = {"width": 1280, "height": 800}
PHONE = {"width": 360, "height": 740}
MARKUP = "<img src=x onerror=document.title='run'>.png"
PHOTOS = ("astronaut.png", "chelsea.png", "coffee.png", "motorcycle_left.png")
DRAWN = 6

# So that no test hangs; nothing is promised by it, and a busy machine is slow.
WAIT_MS = 90_000
expect.set_options(timeout=WAIT_MS)


@dataclass
class Library:
    """What is served: where, and which files by name."""

    url: str
    files: dict[str, Path]


@dataclass
class Watch:
    """What a page did that it should not."""

    origin: str
    wrongs: list[str] = field(default_factory=list)

    def over(self, page: Page) -> None:
        """Note errors, and requests that leave the server."""
        page.on("pageerror", lambda error: self.wrongs.append(str(error)))
        page.on("console", self._said)
        page.on("request", self._asked)

    def _said(self, message: ConsoleMessage) -> None:
        # A refused request is the server's answer, which the page shows in words.
        refused = "Failed to load resource" in message.text
        if message.type in ("error", "warning") and not refused:
            self.wrongs.append(message.text)

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((self.origin, "blob:", "data:")):
            self.wrongs.append(request.url)


@pytest.fixture(scope="package")
def library(
    tmp_path_factory: pytest.TempPathFactory, photos: dict[str, Path]
) -> Iterator[Library]:
    """Photographs, drawings, and a name that is markup, imported by the command."""
    folder = tmp_path_factory.mktemp("images")
    data = tmp_path_factory.mktemp("served") / "data"
    for name in PHOTOS:
        (folder / name).write_bytes(photos[name].read_bytes())
    for seed in range(DRAWN):
        width = 120 + 90 * seed  # from tall to wide
        drawing = encode(drawn_image(seed, (300, width)))
        (folder / f"drawn-{seed}.png").write_bytes(drawing)
    (folder / MARKUP).write_bytes(encode(drawn_image(77)))
    words = ["import", str(folder), "--data", str(data), "--json"]
    done = subprocess.run(
        [sys.executable, "-c", MAIN, *words], check=True, capture_output=True
    )
    files = {path.name: path for path in folder.iterdir()}
    assert json.loads(done.stdout)["added"] == len(files)
    with serving(data) as (server, _):
        yield Library(server.url, files)


@pytest.fixture(scope="package")
def empty_library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """A library to which nothing was added yet."""
    with serving(tmp_path_factory.mktemp("empty") / "data") as (server, _):
        yield Library(server.url, {})


@pytest.fixture(scope="package")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, library: Library) -> Iterator[Page]:
    """The library's page, in a window of its own."""
    yield from _watched(browser, library, WIDE)


@pytest.fixture
def phone(browser: Browser, library: Library) -> Iterator[Page]:
    """The library's page on a phone."""
    yield from _watched(browser, library, PHONE)


@pytest.fixture
def empty_page(browser: Browser, empty_library: Library) -> Iterator[Page]:
    """The page of the empty library."""
    yield from _watched(browser, empty_library, WIDE)


def _watched(
    browser: Browser, library: Library, size: dict[str, int]
) -> Iterator[Page]:
    context = browser.new_context(
        viewport={"width": size["width"], "height": size["height"]},
        has_touch=size == PHONE,
        is_mobile=size == PHONE,
        base_url=library.url,
    )
    context.set_default_timeout(WAIT_MS)
    page = context.new_page()
    watch = Watch(library.url)
    watch.over(page)
    page.goto("/")
    yield page
    context.close()
    assert watch.wrongs == []
