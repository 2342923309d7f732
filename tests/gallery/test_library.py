"""A person opens the page and looks at the library."""

import re
from collections.abc import Iterator

import httpx2
import pytest
from PIL import Image
from playwright.sync_api import FloatRect, Page, Route, expect

from tests.drawing import drawn_image, encode
from tests.gallery.conftest import MARKUP, Library

MANY = 100_000
WIDTH = "document.documentElement.scrollWidth"
IN_SIGHT = """[...document.querySelectorAll(".tile")]
  .find((tile) => tile.getBoundingClientRect().bottom > 80)?.ariaPosInSet"""


@pytest.fixture
def client(library: Library) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=library.url, timeout=60) as client:
        yield client


def tile(page: Page, name: str) -> str:
    """Return how to find the tile of an image."""
    place = page.evaluate(
        """(wanted) => [...document.querySelectorAll(".tile")]
          .findIndex((tile) => tile.querySelector(".name").textContent === wanted)""",
        name,
    )
    assert place >= 0, f"{name} is not in the grid"
    return f".tile >> nth={place}"


def test_the_grid_shows_every_image_in_its_own_shape(
    page: Page, library: Library
) -> None:
    expect(page.locator("#count")).to_have_text(f"{len(library.files)} images")
    expect(page.locator(".tile")).to_have_count(len(library.files))
    for name, path in library.files.items():
        with Image.open(path) as image:
            ratio = image.width / image.height
        box = page.locator(tile(page, name)).bounding_box()
        assert box is not None
        # Sides are whole pixels, and a row's last one takes what rounding left over.
        assert box["width"] / box["height"] == pytest.approx(ratio, rel=0.03), name


def test_rows_have_one_height_and_fill_the_width(page: Page) -> None:
    expect(page.locator(".tile").first).to_be_visible()
    rows: dict[float, list[FloatRect]] = {}
    for shown in page.locator(".tile").all():
        box = shown.bounding_box()
        assert box is not None
        rows.setdefault(box["y"], []).append(box)
    grid = page.locator("#grid").bounding_box()
    assert grid is not None
    assert len(rows) > 1
    for row in rows.values():
        assert len({box["height"] for box in row}) == 1
    *full, _ = (rows[y] for y in sorted(rows))
    for row in full:
        right = max(box["x"] + box["width"] for box in row)
        assert right == pytest.approx(grid["x"] + grid["width"], abs=1)


def test_thumbnails_arrive(page: Page) -> None:
    expect(page.locator(".tile img.there").first).to_be_visible()


def test_a_name_that_is_markup_stays_text(page: Page) -> None:
    expect(page.locator(".tile").first).to_be_visible()
    page.locator(tile(page, MARKUP)).click()
    expect(page.locator("#viewer-name")).to_have_text(MARKUP)
    expect(page).to_have_title(f"{MARKUP} \N{EN DASH} ambience")
    assert page.locator("img[src=x]").count() == 0


def test_an_image_opens_large_with_what_is_known_of_it(
    page: Page, library: Library
) -> None:
    expect(page.locator(".tile").first).to_be_visible()
    page.locator(tile(page, "coffee.png")).click()
    expect(page.locator("#viewer-name")).to_have_text("coffee.png")
    facts = page.locator("#viewer-facts")
    expect(facts).to_contain_text("600 \N{MULTIPLICATION SIGN} 400")
    expect(facts).to_contain_text(re.compile(r"\d{4} at \d\d:\d\d"))
    expect(page.locator("#viewer-shown .large.there")).to_be_visible()
    with page.expect_popup() as popup:
        page.locator("#viewer-file").click()
    assert popup.value.url.startswith(library.url)


def test_keys_move_through_the_images_and_back(page: Page) -> None:
    tiles = page.locator(".tile a")
    tiles.first.focus()
    page.keyboard.press("ArrowRight")
    expect(tiles.nth(1)).to_be_focused()
    page.keyboard.press("Enter")
    name = page.locator("#viewer-name")
    expect(name).to_have_text(tiles.nth(1).inner_text())
    page.keyboard.press("ArrowRight")
    expect(name).to_have_text(tiles.nth(2).inner_text())
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    expect(name).to_have_text(tiles.nth(0).inner_text())
    expect(page.get_by_label("Previous image")).to_be_hidden()
    page.keyboard.press("Escape")
    expect(page.locator("#viewer")).to_be_hidden()
    expect(tiles.first).to_be_focused()
    assert page.url.partition("#")[2] == ""


def test_a_link_to_an_image_opens_it_and_escape_shows_the_library(
    page: Page, client: httpx2.Client
) -> None:
    image = client.get("/api/images").json()["images"][1]
    page.goto(f"/#image={image['image_id']}")
    page.reload()
    expect(page.locator("#viewer-name")).to_have_text(image["name"])
    page.keyboard.press("Escape")
    expect(page.locator("#viewer")).to_be_hidden()
    expect(page.locator(".tile").first).to_be_visible()


def test_find_similar_leaves_out_the_image_itself(page: Page) -> None:
    expect(page.locator(".tile").first).to_be_visible()
    page.locator(tile(page, "chelsea.png")).click()
    page.locator("#viewer-similar").click()
    expect(page.locator(".query .card-name")).to_have_text("chelsea.png")
    expect(page.locator("#search h1")).to_have_text(
        re.compile("^(Nothing else like it here|No other copy of it)")
    )


def test_an_image_of_which_no_file_was_kept_says_so_and_is_searched_with(
    page: Page, client: httpx2.Client
) -> None:
    image_id = 5000
    upload = {"image": ("new.png", encode(drawn_image(500)))}
    try:
        client.put(
            f"/api/images/{image_id}", files=upload, data={"keep": "false"}
        ).raise_for_status()
        page.goto(f"/#image={image_id}")
        expect(page.locator("#viewer-note")).to_contain_text("was not kept")
        expect(page.locator("#viewer-file")).to_be_hidden()
        page.locator("#viewer-similar").click()
        expect(page.locator("#search h1")).to_have_text(
            re.compile("^(Nothing else like it here|No other copy of it)")
        )
    finally:
        client.delete(f"/api/images/{image_id}")


def test_while_an_import_runs_its_progress_and_new_images_are_shown(
    page: Page, library: Library, client: httpx2.Client
) -> None:
    before = len(library.files)
    running = {"running": True, "done": 1234, "total": 3000}
    page.route("**/import_progress", lambda route: route.fulfill(json=running))
    page.reload()
    bar = page.get_by_role("progressbar")
    expect(bar).to_have_attribute("aria-valuetext", "1234 of 3000 files")
    expect(page.locator("#count")).to_have_text(f"{before} images")
    upload = {"image": ("new.png", encode(drawn_image(501)))}
    try:
        client.put("/api/images/5001", files=upload).raise_for_status()
        expect(page.locator("#count")).to_have_text(f"{before + 1} images")
        expect(page.locator(".tile")).to_have_count(before + 1)
    finally:
        client.delete("/api/images/5001")


def test_an_empty_library_says_how_to_fill_it(empty_page: Page) -> None:
    empty = empty_page.locator("#empty")
    expect(empty).to_contain_text("No images yet")
    expect(empty).to_contain_text("ambience import FOLDER")
    expect(empty).to_contain_text("ambience serve --import FOLDER")


def test_the_library_and_an_image_fit_a_phone(phone: Page) -> None:
    expect(phone.locator(".tile").first).to_be_visible()
    assert phone.evaluate(WIDTH) <= 360
    phone.locator(tile(phone, MARKUP)).click()
    expect(phone.locator("#viewer-shown .large.there")).to_be_visible()
    assert phone.evaluate(WIDTH) <= 360


def test_a_hundred_thousand_images_leave_the_page_small(page: Page) -> None:
    page.route("**/images?*", many_images)
    page.route("**/thumbnail", lambda route: route.abort())
    page.reload()
    expect(page.locator("#count")).to_have_text("100,000 images")
    end = page.locator(f".tile[aria-posinset='{MANY}']")
    for _ in range(20):  # the height is estimated: the end comes nearer at each try
        page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
        page.wait_for_timeout(300)
        if end.count():
            break
    expect(end).to_be_visible()
    assert page.evaluate("document.querySelectorAll('*').length") < 600


def test_another_width_keeps_the_place(page: Page) -> None:
    page.route("**/images?*", many_images)
    page.route("**/thumbnail", lambda route: route.abort())
    page.reload()
    expect(page.locator("#count")).to_have_text("100,000 images")
    page.evaluate("scrollTo(0, 20000)")
    page.wait_for_timeout(300)
    before = int(page.evaluate(IN_SIGHT))
    assert before > 100
    for width in (700, 1500, 360, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        page.wait_for_timeout(200)
        assert abs(int(page.evaluate(IN_SIGHT)) - before) < 10


def many_images(route: Route) -> None:
    """Answer as a library of 100,000 images does."""
    asked = httpx2.URL(route.request.url).params
    first, limit = int(asked.get("after", 0)), int(asked["limit"])
    last = min(first + limit, MANY)
    images = [
        {
            "image_id": number,
            "name": f"{number}.jpg",
            "width": 300 + number % 7 * 100,
            "height": 600,
            "shown_at": "2026-01-01T00:00:00",
            "missing": False,
        }
        for number in range(first, last)
    ]
    after = str(last) if last < MANY else None
    route.fulfill(json={"images": images, "total": MANY, "after": after})
