"""A person opens a match and sees why: what both show, outlined and laid over."""

from typing import Any

import httpx2
import numpy as np
import pytest
from PIL import Image, ImageOps
from playwright.sync_api import Page, expect

from tests.drawing import drawn_image, encode
from tests.gallery.comparing import (
    BOX,
    CORNERS,
    DIALOG,
    ENLARGED,
    FIRST,
    IMAGE,
    JOINED,
    LAYERS,
    LINES,
    NEAR,
    OVERLAID,
    QUERY,
    SIDES,
    SIDEWAYS,
    SLIDER,
    SWITCH,
    VIEWS,
    answering,
    box,
    compare,
    cut,
    encoded,
    expect_view,
    extent,
    look,
    outlined,
)
from tests.gallery.conftest import Library
from tests.gallery.giving import drop


def test_a_crop_is_outlined_where_it_was_cut(page: Page, library: Library) -> None:
    compare(page, encoded(cut(library)), view=SIDES)
    on_image = extent(outlined(page, IMAGE))
    assert on_image == pytest.approx(np.reshape(BOX, (2, 2)), abs=NEAR)
    expect(page.locator(IMAGE).locator(".outline")).to_have_attribute(
        "viewBox", "0 0 600 400"
    )
    on_query = extent(outlined(page, QUERY))
    assert on_query == pytest.approx(np.array([(0, 0), (300, 250)]), abs=NEAR)
    drawn = box(page, f"{IMAGE} >> .edge")
    frame = box(page, f"{IMAGE} >> .picture")
    scale = (frame[1, 0] - frame[0, 0]) / 600
    assert drawn == pytest.approx(frame[0] + on_image * scale, abs=OVERLAID)


def test_it_is_said_what_the_match_is_and_how_it_fits(
    page: Page, library: Library
) -> None:
    image = cut(library)
    enlarged = image.resize((450, 375), Image.Resampling.BICUBIC)
    compare(page, encoded(enlarged), name="part.jpg")
    expect(page.locator("#compare-why")).to_contain_text("a crop that shows 31%")
    expect(page.locator("#compare-claim")).to_contain_text("Cropped copy")
    expect(page.locator(QUERY)).to_contain_text("part.jpg")
    expect(page.locator(IMAGE)).to_contain_text("coffee.png")
    measures = page.locator(".measures")
    expect(measures).to_contain_text("Part of your image100%")
    expect(measures).to_contain_text("Part of the match31%")
    expect(measures).to_contain_text("Mirroredno")
    expect(measures).to_contain_text("Scaled\N{MULTIPLICATION SIGN} 0.66")


def test_the_slider_fades_the_query_in(page: Page, library: Library) -> None:
    compare(page, encoded(cut(library)), view="Overlay")
    laid = page.locator(".laid")
    expect(laid).to_have_css("opacity", "1")  # of a crop, its frame on the original
    page.get_by_label("From In the library to Query").fill("40")
    expect(laid).to_have_css("opacity", "0.4")
    page.locator(SLIDER).press("ArrowRight")
    expect(laid).to_have_css("opacity", "0.41")
    expect(page.locator(SLIDER)).to_have_attribute("aria-valuetext", "41% Query")


@pytest.mark.parametrize("width", [1280, 740, 420])
def test_the_overlay_lies_where_the_crop_was_cut(
    page: Page, library: Library, width: int
) -> None:
    image = cut(library)
    compare(page, encoded(image.resize([round(ENLARGED * n) for n in image.size])))
    expect(page.locator(".laid")).to_have_count(1)
    page.set_viewport_size({"width": width, "height": 800})
    page.wait_for_timeout(200)  # until what follows the size has followed
    frame = box(page, LAYERS)
    scale = (frame[1, 0] - frame[0, 0]) / 600
    expected = frame[0] + np.reshape(BOX, (2, 2)) * scale
    assert box(page, ".laid") == pytest.approx(expected, abs=OVERLAID)


def test_the_overlay_follows_a_homography(page: Page, library: Library) -> None:
    bent = np.array([(0.9, 0.2, 120), (-0.15, 1.1, 70), (4e-4, -3e-4, 1)])
    answering(page, lambda said: said["overlay"].update(transform=bent.tolist()))
    compare(page, encoded(cut(library)))
    expect(page.locator(".laid")).to_have_count(1)
    frame = box(page, LAYERS)
    corners = np.array([(0, 0, 1), (300, 0, 1), (300, 250, 1), (0, 250, 1)]) @ bent.T
    expected = corners[:, :2] / corners[:, 2:] * (frame[1, 0] - frame[0, 0]) / 600
    assert np.array(page.evaluate(CORNERS)) == pytest.approx(expected, abs=OVERLAID)
    drawn = box(page, ".laid")
    assert drawn == pytest.approx(frame[0] + extent(expected), abs=OVERLAID)


def test_a_mirrored_crop_lies_mirrored(page: Page, library: Library) -> None:
    compare(page, encoded(ImageOps.mirror(cut(library))))
    on_image = extent(outlined(page, IMAGE))
    assert on_image == pytest.approx(np.reshape(BOX, (2, 2)), abs=NEAR)
    expect(page.locator(".laid")).to_have_count(1)
    frame = box(page, LAYERS)
    left, top, right, bottom = np.array(BOX) * (frame[1, 0] - frame[0, 0]) / 600
    expected = np.array([(right, top), (left, top), (left, bottom), (right, bottom)])
    corners = np.array(page.evaluate(CORNERS))
    assert corners == pytest.approx(expected, abs=OVERLAID + NEAR)
    expect(page.locator(".measures")).to_contain_text("Mirroredleft to right")


def test_a_photograph_held_sideways_lies_as_it_is_shown(
    page: Page, library: Library
) -> None:
    exif = Image.Exif()
    exif[0x0112] = SIDEWAYS
    sideways = cut(library).transpose(Image.Transpose.ROTATE_90)
    compare(page, encoded(sideways, exif=exif))
    on_query = extent(outlined(page, QUERY))
    assert on_query == pytest.approx(np.array([(0, 0), (300, 250)]), abs=NEAR)
    frame = box(page, LAYERS)
    scale = (frame[1, 0] - frame[0, 0]) / 600
    expected = frame[0] + np.reshape(BOX, (2, 2)) * scale
    assert box(page, ".laid") == pytest.approx(expected, abs=OVERLAID)


def test_where_the_query_shows_more_the_image_lies_on_it(
    page: Page, library: Library
) -> None:
    with Image.open(library.files["coffee.png"]) as image:
        whole = image.convert("RGB")
    around = Image.fromarray(drawn_image(4, (800, 1200)))
    around.paste(whole, (350, 220))
    compare(page, encoded(around))
    expect_view(page, "Overlay")
    there = np.array([(350, 220), (950, 620)])
    assert extent(outlined(page, QUERY)) == pytest.approx(there, abs=NEAR)
    assert extent(outlined(page, IMAGE)) == pytest.approx(
        np.array([(0, 0), (600, 400)]), abs=NEAR
    )
    expect(page.locator(".layers figcaption")).to_have_text(
        "coffee.pnglaid overquery.jpg"
    )
    frame = box(page, LAYERS)
    scale = (frame[1, 0] - frame[0, 0]) / 1200
    assert box(page, ".laid") == pytest.approx(frame[0] + there * scale, abs=OVERLAID)
    assert box(page, ".clip") == pytest.approx(frame)
    expect(page.locator(".clip")).to_have_css("overflow", "hidden")


def test_a_format_that_browsers_do_not_show_leaves_the_image_outlined(
    page: Page, library: Library
) -> None:
    compare(page, encoded(cut(library), "TIFF"), name="scan.tiff")
    expect(page.locator(QUERY).locator(".lost")).to_contain_text("TIFF files")
    on_image = extent(outlined(page, IMAGE))
    assert on_image == pytest.approx(np.reshape(BOX, (2, 2)), abs=NEAR)
    expect(page.locator(".edge")).to_have_count(1)
    expect(page.locator(VIEWS)).to_be_hidden()
    expect(page.locator(LAYERS)).to_have_count(0)
    expect(page.locator(SWITCH)).to_have_count(0)


@pytest.mark.parametrize("change", ["nothing measured", "nothing proven"])
def test_what_the_hash_alone_finds_is_laid_over_but_not_outlined(
    page: Page, library: Library, change: str
) -> None:
    def changed(said: dict[str, Any]) -> None:
        if change == "nothing measured":
            del said["local_features"]
        else:
            said["local_features"]["distance"] = 0.9

    answering(page, changed)
    with Image.open(library.files["coffee.png"]) as image:
        compare(page, encoded(image.convert("RGB").resize((300, 200))))
    expect(page.locator(".joining")).to_have_text(
        "The perceptual hash matches the whole image."
    )
    expect(page.locator(".picture img.there")).to_have_count(3)
    expect(page.locator(".pair .edge")).to_have_count(0)
    look(page, "Overlay")
    assert box(page, ".laid") == pytest.approx(box(page, LAYERS), abs=OVERLAID)


def test_what_nobody_measured_is_shown_beside_it(page: Page, library: Library) -> None:
    def changed(said: dict[str, Any]) -> None:
        del said["local_features"]
        said["overlay"] = {"unchecked": "there is too little to compare"}

    answering(page, changed)
    with Image.open(library.files["coffee.png"]) as image:
        compare(page, encoded(image.convert("RGB").resize((300, 200))))
    expect(page.locator(".picture img.there")).to_have_count(2)
    expect(page.locator(VIEWS)).to_be_hidden()
    expect(page.locator(".edge")).to_have_count(0)


def test_an_image_that_can_not_be_shown_leaves_the_query(
    page: Page, library: Library
) -> None:
    for shown in ("view", "thumbnail"):
        page.route(f"**/api/images/*/{shown}", lambda route: route.fulfill(status=404))
    page.reload()  # the browser forgets which pictures it has shown
    compare(page, encoded(cut(library)))
    expect(page.locator(IMAGE).locator(".lost")).to_be_visible()
    expect(page.locator(IMAGE).locator(".lost")).to_contain_text("not there")
    expect(page.locator(QUERY).locator("img.there")).to_be_visible()
    expect(page.locator(VIEWS)).to_be_hidden()
    expect(page.locator(LAYERS)).to_be_hidden()


def test_escape_closes_and_the_focus_returns(page: Page, library: Library) -> None:
    drop(page, encoded(cut(library)))
    page.locator(FIRST).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Close").and_(page.locator(":focus"))).to_be_visible()
    expect(page.locator(SLIDER)).to_be_visible()
    page.locator(SLIDER).focus()
    page.keyboard.press("Escape")
    expect(page.locator(DIALOG)).to_be_hidden()
    expect(page.locator(FIRST)).to_be_focused()
    # The dialog is hidden before the address has gone back, which takes its time.
    page.wait_for_function("!location.hash.includes('compare')")
    page.go_forward()
    expect(page.locator(DIALOG)).to_be_visible()
    page.locator("#compare-close").click()
    expect(page.locator(DIALOG)).to_be_hidden()
    expect(page.locator(FIRST)).to_be_focused()


def test_the_image_opens_large_from_there(page: Page, library: Library) -> None:
    compare(page, encoded(cut(library)))
    page.locator("#compare-large").click()
    expect(page.locator("#viewer-name")).to_have_text("coffee.png")
    page.keyboard.press("Escape")
    expect(page.locator("#viewer")).to_be_hidden()
    expect(page.locator(DIALOG)).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(DIALOG)).to_be_hidden()
    expect(page.locator(FIRST)).to_be_visible()


def test_two_images_of_the_library_are_compared_by_a_link(
    page: Page, library: Library
) -> None:
    copy_id = 5003
    with httpx2.Client(base_url=library.url, timeout=60) as client:
        images = client.get("/api/images").json()["images"]
        (whole,) = [i["image_id"] for i in images if i["name"] == "coffee.png"]
        upload = {"image": ("part.jpg", encoded(cut(library)))}
        client.put(f"/api/images/{copy_id}", files=upload).raise_for_status()
        try:
            page.goto("about:blank")
            page.goto(f"/#similar={whole}&compare={copy_id}")
            on_query = extent(outlined(page, QUERY))
            assert on_query == pytest.approx(np.reshape(BOX, (2, 2)), abs=NEAR)
            expect(page.locator(".lines line").first).to_be_attached()
            page.keyboard.press("Escape")
            expect(page.locator(DIALOG)).to_be_hidden()
            expect(page.locator(FIRST)).to_be_focused()
        finally:
            client.delete(f"/api/images/{copy_id}")


def test_a_link_to_what_is_no_match_shows_the_search(page: Page) -> None:
    drop(page, encode(drawn_image(12345)))
    expect(page.locator("#search h1")).to_be_visible()
    page.goto(f"{page.url}&compare=1")
    expect(page.locator(DIALOG)).to_be_hidden()
    expect(page.locator("#search h1")).to_be_visible()
    assert "compare" not in page.url


def test_a_comparison_fits_a_phone(phone: Page, library: Library) -> None:
    compare(phone, encoded(cut(library)), name="long-" * 20 + ".jpg", view=SIDES)
    for scrolls in (
        "document.documentElement",
        "document.querySelector('#compare-body')",
    ):
        assert phone.evaluate(f"{scrolls}.scrollWidth") <= 360
    above, below = (box(phone, f"{side} >> .picture") for side in (QUERY, IMAGE))
    assert above[1, 1] < below[0, 1]
    phone.locator(SWITCH).tap()
    expect(phone.locator(LINES)).to_be_visible()
    expect(phone.locator(".lines line").first).to_be_attached()
    joined = np.array(phone.evaluate(JOINED))
    here, there = joined[:, 0] * (300, 250), joined[:, 1] * (600, 400)
    assert there == pytest.approx(here + BOX[:2], abs=NEAR)
    shown = [box(phone, f".lines >> {part} >> nth=0") for part in ("line", "circle")]
    assert shown[0][1, 1] > shown[1][1, 1]  # it leads down
