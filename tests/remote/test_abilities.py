"""A service elsewhere can do what its status says, and until then its declaration."""

from typing import Any

import httpx2
import pytest

from ambience.core.errors import BadParameterError, UnavailableError
from ambience.imaging import ImageFile
from ambience.remote.remote_service import RemoteService
from ambience.service import required
from ambience.service.capabilities import (
    RETRIEVAL,
    Annotates,
    HoldsImages,
    Rebuilds,
    SearchesImages,
    SearchesText,
)

HELD = {"count": 0, "index": {"lag": 0}}


def remote(*answers: dict[str, Any], status: int = 200) -> RemoteService:
    """Return a service that gives these answers in turn, the last one for ever."""
    left = list(answers)

    def answer(_: httpx2.Request) -> httpx2.Response:
        said = left.pop(0) if len(left) > 1 else left[0]
        return httpx2.Response(status, json=said)

    client = httpx2.Client(
        transport=httpx2.MockTransport(answer), base_url="http://text"
    )
    return RemoteService("text", client, abilities=RETRIEVAL | {SearchesText})


def state(**parts: Any) -> dict[str, Any]:
    return {"name": "text", "available": True, **parts}


def test_before_it_is_heard_it_can_do_what_its_declaration_says() -> None:
    service = remote(state(abilities=[]))
    assert service.ability(SearchesText) is service
    assert service.ability(HoldsImages) is not None
    assert service.ability(Annotates) is None
    assert service.ability(Rebuilds) is None  # which nobody does from afar


def test_an_annotator_holds_nothing_once_it_has_said_so() -> None:
    service = remote(state(abilities=["annotates"], model="one"))
    assert service.status()["available"]
    assert service.ability(Annotates) is service
    for kind in (SearchesImages, SearchesText, HoldsImages):
        assert service.ability(kind) is None
    with pytest.raises(BadParameterError, match="text stores no images"):
        required(service, HoldsImages)


def test_abilities_of_a_newer_version_are_left_out() -> None:
    service = remote(state(abilities=["annotates", "sings"]))
    assert service.status()["abilities"] == ["annotates", "sings"]
    assert service.ability(Annotates) is service


def test_one_that_is_too_old_to_say_so_can_do_what_is_declared() -> None:
    service = remote(state(**HELD))
    assert service.status() == state(**HELD)
    assert service.ability(SearchesText) is service


def test_one_that_is_away_can_do_what_it_last_said() -> None:
    away = {"name": "text", "available": False, "reason": "no model"}
    service = remote(state(abilities=["annotates"]), away)
    service.status()
    assert service.status() == away
    assert service.ability(Annotates) is service
    assert service.ability(HoldsImages) is None


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"abilities": ["holds_images"]},
        {"abilities": ["holds_images"], "count": 1},
        {"abilities": "annotates"},
    ],
)
def test_half_a_status_is_none(parts: dict[str, Any]) -> None:
    said = remote(state(**parts)).status()
    assert not said["available"]
    assert "answered something else" in said["reason"]


def test_what_is_no_annotation_is_no_answer() -> None:
    service = remote({"matches": []})
    with pytest.raises(UnavailableError, match="answered something else"):
        service.annotate([ImageFile(b"any")])
