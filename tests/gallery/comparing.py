"""Opens a match beside its query, and reads what is drawn there off the page."""

from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Page, Route, expect

from tests.gallery.conftest import Library
from tests.gallery.giving import drop

FIRST = "#search .match >> nth=0 >> .card-image"
QUERY, IMAGE = ".side >> nth=0", ".side >> nth=1"
LAYERS = ".layers .picture"  # where one lies on the other
DIALOG, LINES, SWITCH, SLIDER = "#compare", ".lines", "#compare-lines", "#compare-blend"

VIEWS, SIDES = "#compare-views", "Side by side"

NEAR = 3.0  # pixels of the image: as far as a corner may lie from where it was cut
OVERLAID = 2.0  # pixels of the page: as far as an overlay may lie from where it belongs
MOST = 100  # lines

BOX = (150, 60, 450, 310)  # what is cut from a photograph: left, top, right, bottom
ENLARGED = 1.5
SIDEWAYS = 6  # of EXIF: shown turned by a quarter clockwise

CORNERS = """() => {
  const {width, height} = document.querySelector(".picture:has(.laid)")
    .getBoundingClientRect();
  const laid = getComputedStyle(document.querySelector(".laid"));
  const matrix = new DOMMatrix(laid.transform);
  return [[0, 0], [width, 0], [width, height], [0, height]].map(([x, y]) => {
    const at = matrix.transformPoint({x, y});
    return [at.x / at.w, at.y / at.w];
  });
}"""
JOINED = """() => {
  const across = document.querySelector(".pair").getBoundingClientRect();
  const boxes = [...document.querySelectorAll(".picture")].map(
    (picture) => picture.getBoundingClientRect());
  const lines = [...document.querySelectorAll(".lines line")];
  return lines.map((line) => [1, 2].map((end) => {
    const box = boxes[end - 1];
    const x = line.getAttribute(`x${end}`), y = line.getAttribute(`y${end}`);
    return [(x - box.left + across.left) / box.width,
            (y - box.top + across.top) / box.height];
  }));
}"""

Points = NDArray[np.float64]


def cut(library: Library, name: str = "coffee.png") -> Image.Image:
    with Image.open(library.files[name]) as image:
        return image.convert("RGB").crop(BOX)


def encoded(image: Image.Image, form: str = "JPEG", **options: Any) -> bytes:
    out = BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def searched(page: Page) -> None:
    """Return once the page shows the answer to a search, in which there is a match."""
    answer = page.locator("#search .answer")
    expect(answer).to_have_attribute("aria-busy", "false")
    assert page.locator("#search .match").count(), answer.inner_text()


def compare(
    page: Page, image: bytes, *, name: str = "query.jpg", view: str | None = None
) -> None:
    """Search, open the best match, and look at it in a way that has this name."""
    drop(page, image, name=name)
    searched(page)
    page.locator(FIRST).click()
    expect(page.locator(DIALOG)).to_be_visible()
    page.mouse.move(2, 2)  # where it points at no picture
    if view is not None:
        look(page, view)


def look(page: Page, view: str) -> None:
    """Look at both in another way."""
    page.locator(VIEWS).get_by_label(view).check()
    expect_view(page, view)


def expect_view(page: Page, view: str) -> None:
    """Return once both are seen in this way."""
    expect(page.locator(VIEWS).get_by_label(view)).to_be_checked()
    seen = LAYERS if view != SIDES else f"{QUERY} >> .picture"
    expect(page.locator(seen)).to_be_visible()


def outlined(page: Page, side: str) -> Points:
    """Return the corners of what is outlined, in pixels of the picture."""
    edge = page.locator(side).locator(".edge")
    expect(edge).to_have_count(1)
    points = edge.get_attribute("points")
    assert points is not None
    return np.array(points.split(), np.float64).reshape(-1, 2)


def box(page: Page, place: str) -> Points:
    """Return the upper left and the lower right corner of an element, on the page."""
    found = page.locator(place).bounding_box()
    assert found is not None
    x, y = found["x"], found["y"]
    return np.array([(x, y), (x + found["width"], y + found["height"])])


def extent(points: Points) -> Points:
    return np.array([points.min(axis=0), points.max(axis=0)])


def answering(page: Page, change: Callable[[dict[str, Any]], None]) -> None:
    """Change what is measured on the best match before the page sees it."""

    def answer(route: Route) -> None:
        response = route.fetch()
        said = response.json()
        change(said["matches"][0]["evidence"])
        route.fulfill(response=response, json=said)

    page.route("**/reverse_search", answer)
