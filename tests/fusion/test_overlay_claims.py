"""What the pixels say goes before what hashes and keypoints say of copies."""

from typing import Any

import pytest

from ambience.core.features import ImageId
from ambience.core.matches import Answer, FusedMatch, Match, Relation
from ambience.fusion import fuse
from tests.fusion.curves import CALIBRATION

REGION = [10.0, 20.0, 64.0, 32.0]


def seen(same_picture: float, **details: Any) -> dict[str, Any]:
    told: dict[str, Any] = {
        "same_picture": same_picture,
        "otherwise": "same_template",
        "compared": 20,
        "agrees": 0.9,
        "differs": 0.0,
        "regions": [],
    }
    return {**told, **details}


def claimed(
    overlay: dict[str, Any], *, distance: float = 4, orientation: str = "upright"
) -> list[FusedMatch]:
    match = Match(ImageId(1), distance, {"orientation": orientation})
    return fuse(
        {"phash": Answer((match,))},
        facts={ImageId(1): {"overlay": overlay}},
        calibration=CALIBRATION,
        k=20,
    )


def test_a_copy_whose_pixels_agree_stays_what_it_is() -> None:
    (match,) = claimed(seen(0.999))
    assert match.relation is Relation.RE_ENCODED
    assert match.by == "phash"
    assert match.score == pytest.approx(0.999, abs=1e-3)


def test_a_copy_with_a_region_that_differs_is_edited() -> None:
    (match,) = claimed(seen(0.99, differs=0.1, regions=[REGION]))
    assert match.relation is Relation.EDITED
    assert match.by == "overlay"
    assert match.summary == "edited in 1 place, 90% of it agrees"


def test_a_mirrored_copy_with_something_put_over_it_is_a_mirrored_copy() -> None:
    told = seen(0.99, differs=0.1, regions=[REGION])
    (match,) = claimed(told, orientation="mirrored")
    assert match.relation is Relation.MIRRORED


@pytest.mark.parametrize("relation", [Relation.SAME_TEMPLATE, Relation.SAME_SCENE])
def test_what_only_looks_like_a_copy_is_called_what_it_is(relation: Relation) -> None:
    (match,) = claimed(seen(0.02, otherwise=str(relation), agrees=0.4, differs=0.5))
    assert match.relation is relation
    assert not match.relation.is_copy
    assert match.score == pytest.approx(0.98, abs=1e-3)
    assert match.by == "overlay"
    assert match.summary.endswith("40% of it agrees")


def test_what_agrees_in_nothing_is_not_claimed() -> None:
    assert claimed(seen(0.02, otherwise=None, agrees=0.1, differs=0.8)) == []


def test_what_was_not_looked_at_stays_as_it_was() -> None:
    (before,) = claimed({"unchecked": "the file of the image can't be read"})
    assert before.relation is Relation.RE_ENCODED
    assert before.evidence["overlay"]["unchecked"]


@pytest.mark.parametrize("few", [{"compared": 23}, {"agrees": 0.79}])
def test_a_weak_hash_stays_weak_if_little_agrees(few: dict[str, float]) -> None:
    """It says what two images have in common, not whether it is by chance."""
    assert claimed(seen(0.999, **{"compared": 24, **few}), distance=300) == []


@pytest.mark.parametrize(("probability", "claims"), [(0.999, 1), (0.3, 0)])
def test_much_that_agrees_is_no_chance(probability: float, claims: int) -> None:
    """But only the probability of one picture makes it a copy."""
    told = seen(probability, otherwise=None, compared=24, agrees=0.8)
    found = claimed(told, distance=300)
    assert [match.score for match in found] == [probability] * claims
