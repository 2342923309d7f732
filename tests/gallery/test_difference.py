"""A person sees where a match differs from the query, and how much of it agrees."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps
from playwright.sync_api import Page, Route, expect

from tests.drawing import drawn_image
from tests.gallery.comparing import (
    LAYERS,
    SIDES,
    Points,
    answering,
    box,
    compare,
    encoded,
    expect_view,
    look,
)
from tests.gallery.conftest import Library

NAME = "drawn-5.png"  # of 570 x 300 pixels
EDITED = (130, 180, 400, 240)  # where a caption is: left, top, right, bottom
PART = (60, 20, 540, 290)  # what a crop shows of it
BORDER = (150, 210)  # left of it and above, in a larger picture
CELL = 16.0  # pixels of the image
NEAR = CELL + 4  # as far as marks may lie from a caption, whose edges are spread a bit
VERDICT = ".verdict"
MARK = ".marks .place:not(.under)"
ENOUGH = 4.5  # contrast of letters, WCAG 2.2, 1.4.3

MARKED = """(mark) => {
  const picture = mark.closest(".picture").getBoundingClientRect();
  const {x, y, width, height} = mark.getBBox();
  return [[x, y], [x + width, y + height]].map(
    ([across, down]) => [across / picture.width, down / picture.height]);
}"""
CONTRAST = """(element) => {
  const luminance = (color) => {
    const [r, g, b] = color.match(/[\\d.]+/g).map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const page = getComputedStyle(document.querySelector("#compare")).backgroundColor;
  const both = [getComputedStyle(element).color, page].map(luminance);
  return (Math.max(...both) + 0.05) / (Math.min(...both) + 0.05);
}"""


def captioned(library: Library) -> Image.Image:
    with Image.open(library.files[NAME]) as image:
        made = image.convert("RGB")
    pen = ImageDraw.Draw(made)
    pen.rectangle(EDITED, fill="white")
    left, top, right, bottom = EDITED
    for x in range(left + 8, right - 8, 16):  # letters of a kind
        pen.rectangle((x, top + 12, x + 7, bottom - 12), fill="black")
        pen.ellipse((x, top + 20, x + 12, bottom - 24), fill="navy")
    return made


def marked(page: Page, size: tuple[int, int]) -> Points:
    """Return the box around what is marked as different, in pixels of the picture."""
    mark = page.locator(MARK)
    expect(mark).to_have_attribute("d", re.compile("^M"))
    return np.array(mark.evaluate(MARKED)) * size


def bordered(image: Image.Image) -> Image.Image:
    around = Image.fromarray(drawn_image(4, (900, 1200)))
    around.paste(image, BORDER)
    return around


@pytest.mark.parametrize(
    ("made", "start"),
    [
        (lambda image: image, "Difference"),
        (ImageOps.mirror, "Wipe"),
        (lambda image: image.rotate(180), "Wipe"),
        (lambda image: image.crop(PART), "Overlay"),
        (lambda image: image.resize((855, 450)), "Difference"),
    ],
    ids=["as it is", "mirrored", "turned", "crop", "enlarged"],
)
def test_marks_lie_where_a_caption_was_put(
    page: Page,
    library: Library,
    made: Callable[[Image.Image], Image.Image],
    start: str,
) -> None:
    """On the stored image, however the query has to be laid on it."""
    compare(page, encoded(made(captioned(library))))
    expect_view(page, start)
    look(page, "Difference")
    expect(page.locator(VERDICT)).to_have_text(
        re.compile(r"^\d\d% of what can be compared agrees, and 1 place differs\.$")
    )
    there = marked(page, (570, 300))
    assert there == pytest.approx(np.reshape(EDITED, (2, 2)), abs=NEAR)


def test_marks_lie_on_the_query_where_that_shows_more(
    page: Page, library: Library
) -> None:
    compare(page, encoded(bordered(captioned(library))))
    expect_view(page, "Overlay")
    look(page, "Difference")
    there = marked(page, (1200, 900)) - BORDER
    # What is compared is at most 640 pixels wide, so cells are larger here.
    assert there == pytest.approx(np.reshape(EDITED, (2, 2)), abs=2 * CELL)
    expect(page.get_by_label("Query", exact=True)).to_be_checked()
    expect(page.locator(".laid")).to_have_css("opacity", "0")


def test_marks_follow_the_size_of_the_window(page: Page, library: Library) -> None:
    compare(page, encoded(captioned(library)), view="Difference")
    before = marked(page, (570, 300))
    wide = box(page, LAYERS)
    page.set_viewport_size({"width": 620, "height": 800})
    page.wait_for_function(
        "width => document.querySelector('.layers .picture').clientWidth < width - 9",
        arg=wide[1, 0] - wide[0, 0],
    )
    page.evaluate("() => new Promise(requestAnimationFrame)")
    assert marked(page, (570, 300)) == pytest.approx(before, abs=1)


def test_the_legend_says_in_words_what_is_marked(page: Page, library: Library) -> None:
    compare(page, encoded(captioned(library)), view="Difference")
    legend = page.get_by_label("What is marked")
    expect(legend).to_contain_text("Place that differs")
    expect(legend).to_contain_text("What both show")
    expect(page.locator(LAYERS).locator(".edge")).to_be_visible()


def test_either_picture_is_seen_under_the_marks(page: Page, library: Library) -> None:
    compare(page, encoded(captioned(library)), view="Difference")
    laid = page.locator(".laid")
    expect(laid).to_have_css("opacity", "1")
    page.get_by_label("In the library", exact=True).check()
    expect(laid).to_have_css("opacity", "0")
    page.get_by_label("Query", exact=True).check()
    expect(laid).to_have_css("opacity", "1")


def test_a_copy_agrees(page: Page, library: Library) -> None:
    with Image.open(library.files[NAME]) as image:
        compare(page, encoded(image.convert("RGB"), quality=70))
    expect_view(page, SIDES)
    look(page, "Difference")
    expect(page.locator(VERDICT)).to_have_text(
        re.compile(
            "^(All that can be compared agrees: no place differs|"
            r"9\d% of what can be compared agrees; (no place differs|"
            r"only small spots differ))\.$"
        )
    )
    expect(page.locator(MARK)).to_have_count(0)


def test_of_the_same_file_nothing_differs(page: Page, library: Library) -> None:
    compare(page, library.files[NAME].read_bytes(), view="Difference")
    expect(page.locator(VERDICT)).to_have_text(
        "Both hold the same pixels: nothing differs."
    )
    expect(page.locator(".legend")).to_have_count(0)


def test_it_is_said_why_nobody_knows_what_differs(page: Page, library: Library) -> None:
    def changed(said: dict[str, Any]) -> None:
        said["overlay"] = {"unchecked": "others were more likely"}

    answering(page, changed)
    compare(page, encoded(captioned(library)))
    expect_view(page, "Wipe")  # which the eye compares
    look(page, "Difference")
    expect(page.locator(VERDICT)).to_have_text(
        "The pixels were not compared: others were more likely."
    )
    expect(page.locator(MARK)).to_have_count(0)


def test_of_what_is_shown_among_other_things_only_that_part_is_told(
    page: Page, library: Library
) -> None:
    """The rest of the picture is hidden, and does not differ for that."""
    around = Image.fromarray(drawn_image(40, (480, 640)))
    with Image.open(library.files[NAME]) as image:
        around.paste(image.convert("RGB").crop((60, 20, 480, 290)), (100, 120))
    compare(page, encoded(around), view="Difference")
    expect(page.locator(VERDICT)).to_have_text(
        re.compile(r"^(All|9\d%) of what your image shows of it agrees\.$")
    )


def test_what_is_no_copy_but_was_compared_shows_its_difference(
    page: Page, library: Library
) -> None:
    def answer(route: Route) -> None:
        response = route.fetch()
        said = response.json()
        said["matches"][0]["relation"] = "same_scene"
        route.fulfill(response=response, json=said)

    page.route("**/reverse_search", answer)
    compare(page, encoded(captioned(library)))
    expect_view(page, "Difference")
    expect(page.locator(MARK)).to_have_count(1)


def test_many_places_are_counted_as_far_as_they_were_answered(
    page: Page, library: Library
) -> None:
    def changed(said: dict[str, Any]) -> None:
        said["overlay"]["regions"] *= 12

    answering(page, changed)
    compare(page, encoded(captioned(library)), view="Difference")
    expect(page.locator(VERDICT)).to_contain_text(", and 12 places or more differ.")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_is_said_can_be_read(page: Page, library: Library, scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme)
    compare(page, encoded(captioned(library)), view="Difference")
    for said in (VERDICT, ".legend li >> nth=0", "#compare-views label >> nth=4"):
        assert page.locator(said).evaluate(CONTRAST) >= ENOUGH


def test_a_difference_fits_a_phone(phone: Page, library: Library) -> None:
    compare(phone, encoded(captioned(library)))
    expect_view(phone, "Difference")
    there = marked(phone, (570, 300))
    assert there == pytest.approx(np.reshape(EDITED, (2, 2)), abs=NEAR)
    expect(phone.locator(VERDICT)).to_be_in_viewport(ratio=1)
    expect(phone.locator(".legend")).to_be_in_viewport(ratio=1)
    assert phone.evaluate("document.documentElement.scrollWidth") <= 360
    assert phone.evaluate("document.querySelector('#compare-body').scrollWidth") <= 360
