"""A person drops, pastes or picks an image and sees its originals, with the reasons."""

import re
from io import BytesIO

import pytest
from PIL import Image, ImageOps
from playwright.sync_api import Page, Route, expect

from tests.drawing import drawn_image, encode
from tests.gallery.conftest import Library
from tests.gallery.giving import drop, paste, pick

HEADLINE = "#search h1"
FIRST = "#search .match >> nth=0"


def halved(library: Library, name: str) -> Image.Image:
    with Image.open(library.files[name]) as image:
        return image.convert("RGB").resize((image.width // 2, image.height // 2))


def encoded(image: Image.Image, form: str = "JPEG", quality: int = 40) -> bytes:
    out = BytesIO()
    image.save(out, form, quality=quality)
    return out.getvalue()


def test_a_dropped_edited_copy_finds_its_original(page: Page, library: Library) -> None:
    drop(page, encoded(halved(library, "chelsea.png")), name="edited.jpg")
    first = page.locator(FIRST)
    expect(first.locator(".card-name")).to_have_text("chelsea.png")
    expect(first.locator(".relation")).to_have_text("Re-encoded copy")
    expect(first.locator(".score")).to_have_text(re.compile(r"^(9\d|100)%$"))
    expect(first.locator(".why")).to_have_text(
        re.compile(r"^re-encoded, \d+ of 576 bits differ$")
    )
    expect(page.locator(".query .card-name")).to_have_text("edited.jpg")
    expect(page.locator(".preview.there img")).to_be_visible()


def test_a_pasted_mirrored_copy_finds_its_original(
    page: Page, library: Library
) -> None:
    paste(page, encoded(ImageOps.mirror(halved(library, "coffee.png"))))
    first = page.locator(FIRST)
    expect(first.locator(".card-name")).to_have_text("coffee.png")
    expect(first.locator(".relation")).to_have_text("Mirrored copy")
    expect(first.locator(".why")).to_contain_text("mirrored left to right")


def test_a_picked_file_of_the_library_is_found_for_certain(
    page: Page, library: Library
) -> None:
    pick(page, library.files["astronaut.png"].read_bytes())
    first = page.locator(FIRST)
    expect(first.locator(".card-name")).to_have_text("astronaut.png")
    expect(first.locator(".relation")).to_have_text("Same file")
    expect(first.locator(".score")).to_have_text("100%")


def test_what_was_measured_can_be_unfolded(page: Page, library: Library) -> None:
    drop(page, encoded(halved(library, "chelsea.png")))
    table = page.locator(FIRST).locator("table")
    expect(table).to_be_hidden()
    page.locator(FIRST).locator("summary").click()
    expect(table).to_contain_text("Perceptual hash")
    page.locator(".query summary").click()
    expect(page.locator(".query table")).to_contain_text(re.compile(r"\d ms"))


def test_a_format_that_browsers_do_not_show_is_searched(
    page: Page, library: Library
) -> None:
    drop(page, encoded(halved(library, "coffee.png"), "TIFF"), name="scan.tiff")
    expect(page.locator(FIRST).locator(".card-name")).to_have_text("coffee.png")
    expect(page.locator(".stand-in")).to_have_text("tiff")


def test_a_stranger_finds_nothing(page: Page) -> None:
    drop(page, encode(drawn_image(12345)))
    expect(page.locator(HEADLINE)).to_have_text("Nothing like it here.")
    expect(page.locator(".match")).to_have_count(0)


def test_a_blank_image_finds_nothing_and_says_why(page: Page) -> None:
    drop(page, encoded(Image.new("RGB", (64, 64), "white")))
    expect(page.locator(".remarks")).to_contain_text("Perceptual hash")


def test_what_is_no_image_is_answered_with_a_sentence(page: Page) -> None:
    drop(page, b"Dear diary", name="diary.jpg")
    expect(page.locator(HEADLINE)).to_have_text("This search did not work.")
    expect(page.locator(".failure")).to_contain_text(
        re.compile("not an image", re.IGNORECASE)
    )


def test_a_service_that_is_unavailable_says_why(page: Page, library: Library) -> None:
    reason = "no model: run <b>ambience models pull</b>"
    answer = {
        "matches": [],
        "services": {},
        "unavailable": [{"service": "image_text", "reason": reason}],
    }
    page.route("**/reverse_search", lambda route: route.fulfill(json=answer))
    drop(page, library.files["coffee.png"].read_bytes())
    expect(page.locator(".remarks")).to_have_text(
        f"Image text is not available: {reason}"
    )


def test_back_and_forward_move_between_searches_and_the_library(
    page: Page, library: Library
) -> None:
    drop(page, library.files["coffee.png"].read_bytes(), name="one.png")
    expect(page.locator(FIRST)).to_be_visible()
    drop(page, library.files["chelsea.png"].read_bytes(), name="two.png")
    query = page.locator(".query .card-name")
    expect(query).to_have_text("two.png")
    page.go_back()
    expect(query).to_have_text("one.png")
    page.go_back()
    expect(page.locator("#grid")).to_be_visible()
    page.go_forward()
    expect(query).to_have_text("one.png")
    expect(page.locator(FIRST).locator(".card-name")).to_have_text("coffee.png")


def test_a_match_of_colors_alone_opens_large_and_closes_again(
    page: Page, library: Library
) -> None:
    colors: dict[str, object] = {
        "score": 0.6,
        "relation": "similar_colors",
        "summary": "similar colors, 80% of the palette shared",
        "evidence": {"color": {"distance": 0.4}},
    }

    def answer(route: Route) -> None:
        response = route.fetch()
        said = response.json()
        said["matches"][0] |= colors
        route.fulfill(response=response, json=said)

    page.route("**/reverse_search", answer)
    drop(page, library.files["coffee.png"].read_bytes())
    page.locator(FIRST).locator(".card-image").click()
    expect(page.locator("#viewer-name")).to_have_text("coffee.png")
    page.keyboard.press("Escape")
    expect(page.locator("#viewer")).to_be_hidden()
    expect(page.locator(FIRST)).to_be_visible()


@pytest.mark.parametrize(
    "where",
    ["#search=9", "#search=9&compare=1", "#compare=1", "#image=abc", "#similar=-1&x"],
)
def test_an_address_that_leads_nowhere_shows_the_library(
    page: Page, where: str
) -> None:
    page.goto(f"/{where}")
    page.reload()
    expect(page.locator(".tile").first).to_be_visible()


def test_a_search_fits_a_phone(phone: Page, library: Library) -> None:
    drop(phone, encoded(halved(library, "chelsea.png")), name="long-" * 20 + ".jpg")
    expect(phone.locator(FIRST)).to_be_visible()
    for summary in phone.locator("summary").all():
        summary.click()
    assert phone.evaluate("document.documentElement.scrollWidth") <= 360
