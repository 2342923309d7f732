"""A person sees which points of a query are which of a match."""

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.gallery.comparing import (
    BOX,
    DIALOG,
    FIRST,
    IMAGE,
    JOINED,
    LINES,
    MOST,
    NEAR,
    QUERY,
    SIDES,
    SLIDER,
    SWITCH,
    compare,
    cut,
    encoded,
    look,
    searched,
)
from tests.gallery.conftest import Library
from tests.gallery.giving import drop


@pytest.mark.parametrize("side", [QUERY, IMAGE])
def test_lines_join_the_points_while_a_picture_is_pointed_at(
    page: Page, library: Library, side: str
) -> None:
    compare(page, encoded(cut(library)), view=SIDES)
    expect(page.locator(".lines line").first).to_be_attached()
    expect(page.locator(LINES)).to_be_hidden()
    page.locator(side).locator(".picture").hover()
    expect(page.locator(LINES)).to_be_visible()
    page.mouse.move(2, 2)
    expect(page.locator(LINES)).to_be_hidden()


def test_lines_join_the_points_while_a_picture_has_the_focus(
    page: Page, library: Library
) -> None:
    compare(page, encoded(cut(library)), view=SIDES)
    expect(page.locator(".lines line").first).to_be_attached()
    page.keyboard.press("Tab")  # from the chosen view
    expect(page.locator(QUERY).locator(".picture")).to_be_focused()
    expect(page.locator(LINES)).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.locator(IMAGE).locator(".picture")).to_be_focused()
    expect(page.locator(LINES)).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.locator(SWITCH)).to_be_focused()
    expect(page.locator(LINES)).to_be_hidden()
    page.keyboard.press("Space")
    expect(page.locator(LINES)).to_be_visible()


def test_lines_join_what_is_the_same(page: Page, library: Library) -> None:
    compare(page, encoded(cut(library, "astronaut.png")), view=SIDES)
    page.get_by_label("Join the points that match").check()
    expect(page.locator(LINES)).to_be_visible()
    expect(page.locator(".lines line").first).to_be_attached()
    joined = np.array(page.evaluate(JOINED))  # as shares of the pictures' sides
    assert 20 < len(joined) <= MOST
    here, there = joined[:, 0] * (300, 250), joined[:, 1] * (512, 512)
    assert there == pytest.approx(here + BOX[:2], abs=NEAR)
    assert np.ptp(here, axis=0) == pytest.approx((300, 250), rel=0.4)


def test_at_most_a_hundred_lines_are_drawn(page: Page, library: Library) -> None:
    compare(page, library.files["astronaut.png"].read_bytes())
    expect(page.locator(".lines line")).to_have_count(MOST)
    expect(page.locator(".lines-said")).to_contain_text("100 of ")


def test_points_are_asked_for_once_and_only_when_a_match_is_opened(
    page: Page, library: Library
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    pairs = f"{library.url}/api/local_features/search"
    drop(page, encoded(cut(library)))
    searched(page)
    page.wait_for_timeout(300)
    assert pairs not in asked
    for _ in range(2):
        page.locator(FIRST).click()
        expect(page.locator(".lines line").first).to_be_attached()
        page.keyboard.press("Escape")
        expect(page.locator(DIALOG)).to_be_hidden()
    assert asked.count(pairs) == 1


def test_without_points_all_else_is_shown(page: Page, library: Library) -> None:
    problem = {"status": 503, "detail": "no keypoints today"}
    page.route(
        "**/local_features/search",
        lambda route: route.fulfill(status=503, json=problem),
    )
    compare(page, encoded(cut(library)), view=SIDES)
    expect(page.locator(".lines-said")).to_have_text(
        "The lines can't be drawn. No keypoints today."
    )
    expect(page.locator(SWITCH)).to_be_disabled()
    expect(page.locator(".pair .edge")).to_have_count(2)
    look(page, "Overlay")
    expect(page.locator(SLIDER)).to_be_enabled()
