"""A person looks at a match in the way that shows it best, and in others."""

import re
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageOps
from playwright.sync_api import Locator, Page, expect

from tests.gallery.comparing import (
    BOX,
    DIALOG,
    IMAGE,
    LAYERS,
    NEAR,
    OVERLAID,
    QUERY,
    SIDES,
    VIEWS,
    box,
    compare,
    cut,
    encoded,
    expect_view,
    look,
)
from tests.gallery.conftest import Library

ALL = (SIDES, "Overlay", "Wipe", "Blink", "Difference")
EACH_MS = 800  # that a picture is seen while both alternate
TURN = 14  # degrees


def whole(library: Library, name: str = "coffee.png") -> Image.Image:
    with Image.open(library.files[name]) as image:
        return image.convert("RGB")


def divider(page: Page) -> Locator:
    return page.get_by_role("slider", name="Line between both")


def middle(page: Page, place: str) -> float:
    """Return how far from the left of the page the middle of an element is."""
    return float(box(page, place)[:, 0].mean())


@pytest.mark.parametrize(
    ("made", "view", "how"),
    [
        (ImageOps.mirror, "Wipe", "mirrored, laid over"),
        (lambda image: image.rotate(TURN), "Wipe", "turned, laid over"),
        (lambda image: image.resize((300, 200)), SIDES, "laid over"),
    ],
    ids=["mirrored", "turned", "re-encoded"],
)
def test_a_comparison_begins_with_what_shows_the_relation_best(
    page: Page,
    library: Library,
    made: Callable[[Image.Image], Image.Image],
    view: str,
    how: str,
) -> None:
    compare(page, encoded(made(whole(library))))
    expect_view(page, view)
    expect(page.locator(".layers .facts")).to_have_text(how)


def test_whichever_view_is_seen_nothing_else_moves(
    page: Page, library: Library
) -> None:
    compare(page, encoded(cut(library)))
    expect(page.locator(".laid")).to_be_attached()
    stays = [VIEWS, "#compare-why", ".scene", ".controls", ".measures", LAYERS]
    before = [box(page, place) for place in stays]
    for view in ALL:
        look(page, view)
        for place, was in zip(stays, before, strict=True):
            assert box(page, place) == pytest.approx(was), (view, place)
        # What is not looked at is neither seen nor reached by keys.
        expect(page.locator(QUERY)).to_be_visible(visible=view == SIDES)
        expect(page.locator(LAYERS)).to_be_visible(visible=view != SIDES)


def test_a_line_is_dragged_across_what_both_show(page: Page, library: Library) -> None:
    compare(page, encoded(cut(library)), view="Wipe")
    expect(divider(page)).to_have_attribute("aria-valuenow", "50")
    frame = box(page, LAYERS)
    scale = (frame[1, 0] - frame[0, 0]) / 600
    left, right = (frame[0, 0] + BOX[side] * scale for side in (0, 2))
    height = frame[:, 1].mean()
    page.mouse.move((left + right) / 2, height)
    page.mouse.down()
    for share in (0.4, 0.25):
        across = left + share * (right - left)
        page.mouse.move(across, height)
        assert middle(page, ".divider") == pytest.approx(across, abs=OVERLAID)
    expect(divider(page)).to_have_attribute("aria-valuenow", "25")
    # Right of it, the query is seen.
    shown = (across - frame[0, 0]) / (frame[1, 0] - frame[0, 0])
    clip = page.locator(".clip").evaluate("clip => getComputedStyle(clip).clipPath")
    found = re.fullmatch(r"inset\(0px 0px 0px ([\d.]+)%\)", clip)
    assert found is not None, clip
    assert float(found[1]) == pytest.approx(100 * shown, abs=1)
    page.mouse.move(frame[1, 0] + 50, height)
    assert middle(page, ".divider") == pytest.approx(right, abs=OVERLAID + NEAR)
    page.mouse.up()
    page.mouse.move(left, height)
    expect(divider(page)).to_have_attribute("aria-valuenow", "100")


def test_all_can_be_done_with_the_keyboard(page: Page, library: Library) -> None:
    compare(page, encoded(cut(library)))
    expect(page.locator(".laid")).to_be_visible()
    for _ in ("Open large", "the views"):
        page.keyboard.press("Tab")
    expect(page.get_by_label("Overlay", exact=True)).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect_view(page, "Wipe")
    page.keyboard.press("Tab")
    expect(divider(page)).to_be_focused()
    for key, now in [
        ("ArrowRight", 51),
        ("ArrowLeft", 50),
        ("ArrowDown", 49),
        ("ArrowUp", 50),
        ("Shift+ArrowRight", 60),
        ("PageDown", 50),
        ("End", 100),
        ("ArrowRight", 100),
        ("Home", 0),
        ("PageUp", 10),
    ]:
        page.keyboard.press(key)
        expect(divider(page)).to_have_attribute("aria-valuenow", str(now))
    expect(divider(page)).to_have_attribute(
        "aria-valuetext", "10% In the library, 90% Query"
    )
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("ArrowRight")
    expect_view(page, "Blink")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Play")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator(DIALOG)).to_be_hidden()


def test_both_alternate_until_that_is_paused(page: Page, library: Library) -> None:
    compare(page, encoded(cut(library)))
    expect(page.locator(".laid")).to_be_visible()
    page.clock.install(time=0)
    page.clock.pause_at(1000)
    look(page, "Blink")
    badge, laid = page.locator(".badge"), page.locator(".laid")
    for shown, opacity in [("Query", "1"), ("In the library", "0"), ("Query", "1")]:
        expect(badge).to_have_text(shown)
        expect(laid).to_have_css("opacity", opacity)
        page.clock.run_for(EACH_MS)
    status = page.locator(".shown-now")
    expect(status).to_have_text("")  # it is not read out again and again
    page.get_by_role("button", name="Pause").click()
    expect(status).to_have_text("Shown: In the library")
    page.clock.run_for(10 * EACH_MS + 1)
    expect(badge).to_have_text("In the library")
    page.get_by_role("button", name="Switch").click()
    expect(status).to_have_text("Shown: Query")
    page.get_by_role("button", name="Play").click()
    page.clock.run_for(EACH_MS)
    expect(badge).to_have_text("In the library")


def test_where_less_motion_is_wanted_both_are_switched_by_hand(
    page: Page, library: Library
) -> None:
    page.emulate_media(reduced_motion="reduce")
    compare(page, encoded(cut(library)))
    expect(page.locator(".laid")).to_be_visible()
    page.clock.install(time=0)
    page.clock.pause_at(1000)
    look(page, "Blink")
    status = page.locator(".shown-now")
    page.clock.run_for(10 * EACH_MS + 1)
    expect(status).to_have_text("Shown: Query")
    expect(page.get_by_role("button", name="Play")).to_be_hidden()
    expect(page.get_by_role("button", name="Pause")).to_be_hidden()
    page.get_by_role("button", name="Switch").click()
    expect(status).to_have_text("Shown: In the library")
    expect(page.locator(".laid")).to_have_css("opacity", "0")


def test_the_views_fit_a_phone(phone: Page, library: Library) -> None:
    compare(phone, encoded(cut(library)), name="long-" * 20 + ".jpg")
    for view in ALL:
        look(phone, view)
        for scrolls in ("document.documentElement", "#compare-body", VIEWS):
            element = f"document.querySelector('{scrolls}')"
            scrolled = scrolls if "." in scrolls else element
            assert phone.evaluate(
                f"{scrolled}.scrollWidth <= Math.min(360, {scrolled}.clientWidth)"
            ), (view, scrolls)
    look(phone, "Wipe")
    expect(phone.locator(IMAGE)).to_be_hidden()
    frame = box(phone, LAYERS)
    left, right = (
        frame[0, 0] + BOX[side] / 600 * (frame[1, 0] - frame[0, 0]) for side in (0, 2)
    )
    phone.touchscreen.tap(left + 0.75 * (right - left), float(frame[:, 1].mean()))
    now = divider(phone).get_attribute("aria-valuenow")
    assert now is not None
    assert np.isclose(int(now), 75, atol=2)
