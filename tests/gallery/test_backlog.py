"""A person sees on the page what services still have to get, and what is stuck."""

from playwright.sync_api import Page, Route, expect

from ambience.gateway.routes.schemas import BacklogAnswer, Stuck, Waiting

NOTHING: dict[str, object] = {
    "waiting": 0,
    "rate": None,
    "remaining_s": None,
    "paused": None,
    "stuck": 0,
    "stuck_reasons": [],
}


def answered(page: Page, **changes: object) -> None:
    """Let the server answer so of one service; the page is loaded anew."""
    answer = BacklogAnswer(
        services={
            "phash": Waiting.model_validate(NOTHING),
            "local_features": Waiting.model_validate(NOTHING | changes),
        }
    )

    def fulfill(route: Route) -> None:
        route.fulfill(json=answer.model_dump(mode="json"))

    page.unroute("**/api/backlog")
    page.route("**/api/backlog", fulfill)
    page.reload()


def test_where_all_is_done_nothing_is_said(page: Page) -> None:
    said = page.evaluate("fetch('api/backlog').then((answer) => answer.json())")
    assert BacklogAnswer.model_validate(said).services
    expect(page.locator(".tile").first).to_be_visible()
    expect(page.locator("#backlog-open")).to_be_hidden()


def test_what_waits_is_counted_with_its_rate_and_time(page: Page) -> None:
    answered(page, waiting=1200, rate=24.4, remaining_s=49.0)
    button = page.locator("#backlog-open")
    expect(button).to_have_text("1,200 waiting")
    button.click()
    listed = page.locator("#backlog-list li")
    expect(listed).to_have_count(1)
    expect(listed.locator("h3")).to_have_text("Local features")
    expect(listed.locator("p")).to_have_text(
        "1,200 images waiting · 24 a second · 49 seconds left"
    )
    answered(page, waiting=0)
    expect(button).to_be_hidden()
    expect(page.locator("#backlog")).to_be_hidden()


def test_why_it_does_not_go_on_is_said(phone: Page) -> None:
    answered(phone, waiting=1, rate=3.0, remaining_s=None, paused="the disk is full")
    phone.locator("#backlog-open").tap()
    expect(phone.locator("#backlog-list p")).to_have_text(
        ["1 image waiting", "Paused: the disk is full."]
    )
    box = phone.locator("#backlog").bounding_box()
    size = phone.viewport_size
    assert box is not None
    assert size is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= size["width"]
    width = phone.evaluate("document.documentElement.scrollWidth")
    assert width <= size["width"]


def test_what_is_stuck_leads_to_its_image(page: Page) -> None:
    expect(page.locator(".tile").first).to_be_visible()
    said = page.evaluate("fetch('api/images').then((answer) => answer.json())")
    image_id = said["images"][0]["image_id"]
    stuck = Stuck(reason="the file is gone", count=2, image_id=image_id)
    answered(page, stuck=2, stuck_reasons=[stuck])
    button = page.locator("#backlog-open")
    expect(button).to_have_text("2 stuck")
    button.click()
    expect(page.locator("#backlog-list p")).to_have_text(
        "2 images stuck: the file is gone"
    )
    page.locator("#backlog-list a").click()
    expect(page.locator("#viewer")).to_be_visible()
