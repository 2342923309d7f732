"""Which claims are made, how sure they are, and in which order they come."""

import itertools
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambience.core.features import ImageId
from ambience.core.matches import Answer, FusedMatch, Match, Relation
from ambience.core.orientation import Orientation
from ambience.fusion import COPIES, MIN_SCORE, fuse, summary
from ambience.fusion.calibration import SAME_IMAGE, SIMILAR_COLORS


def hashed(image_id: int, distance: float, orientation: str = "upright") -> Match:
    return Match(ImageId(image_id), distance, {"orientation": orientation})


def colored(image_id: int, distance: float) -> Match:
    return Match(ImageId(image_id), distance)


def fused(
    phash: tuple[Match, ...] = (),
    color: tuple[Match, ...] = (),
    facts: Mapping[ImageId, Mapping[str, Mapping[str, Any]]] | None = None,
) -> list[FusedMatch]:
    answers = {"phash": Answer(phash), "color": Answer(color)}
    return fuse(answers, facts=facts or {})


@pytest.mark.parametrize(
    ("orientation", "relation"),
    [
        (Orientation.UPRIGHT, Relation.RE_ENCODED),
        (Orientation.MIRRORED, Relation.MIRRORED),
        (Orientation.FLIPPED, Relation.MIRRORED),
        (Orientation.TRANSPOSED, Relation.MIRRORED),
        (Orientation.TRANSVERSED, Relation.MIRRORED),
        (Orientation.ROTATED_90, Relation.ROTATED),
        (Orientation.ROTATED_180, Relation.ROTATED),
        (Orientation.ROTATED_270, Relation.ROTATED),
    ],
)
def test_the_orientation_names_the_relation(
    orientation: Orientation, relation: Relation
) -> None:
    (match,) = fused((hashed(1, 4, orientation),))
    assert match.relation is relation
    assert match.score > 0.99


def test_equal_bytes_beat_equal_pixels_beat_equal_hashes() -> None:
    facts: dict[ImageId, dict[str, dict[str, Any]]] = {
        ImageId(2): {"pixels": {"equal": 9}},
        ImageId(3): {"file": {}},
    }
    found = fused((hashed(1, 0), hashed(2, 0), hashed(3, 0)), facts=facts)
    assert [match.image_id for match in found] == [3, 2, 1]
    assert [match.relation for match in found] == [
        Relation.SAME_FILE,
        Relation.SAME_PIXELS,
        Relation.RE_ENCODED,
    ]
    assert [match.score for match in found[:2]] == [1.0, 1.0]


def test_a_copy_comes_before_what_has_the_same_colors() -> None:
    found = fused((hashed(1, 150),), (colored(2, 0.0), colored(1, 0.5)))
    assert [match.image_id for match in found] == [1, 2]
    assert found[0].relation in COPIES
    assert found[1].relation is Relation.SIMILAR_COLORS


def test_a_far_hash_does_not_hide_similar_colors() -> None:
    (match,) = fused((hashed(1, 260),), (colored(1, 0.1),))
    assert match.relation is Relation.SIMILAR_COLORS
    assert set(match.evidence) == {"phash", "color"}


def test_what_is_more_likely_false_is_not_claimed() -> None:
    assert fused((hashed(1, 260),), (colored(1, 1.2),)) == []
    assert fused() == []


def test_the_evidence_is_what_was_measured() -> None:
    (match,) = fused((hashed(1, 4, "mirrored"),), (colored(1, 0.2),))
    assert match.evidence == {
        "phash": {"distance": 4, "orientation": "mirrored"},
        "color": {"distance": 0.2},
    }


def test_ties_are_broken_by_id() -> None:
    found = fused((hashed(9, 4), hashed(3, 4), hashed(5, 4)))
    assert [match.image_id for match in found] == [3, 5, 9]


@given(st.permutations(range(6)))
def test_the_order_of_matches_does_not_matter(order: list[int]) -> None:
    matches = tuple(hashed(i, 10 * i) for i in range(6))
    shuffled = tuple(matches[i] for i in order)
    assert fused(shuffled) == fused(matches)


@pytest.mark.parametrize("curve", [SAME_IMAGE, SIMILAR_COLORS])
def test_a_probability_falls_with_the_distance(curve: object) -> None:
    assert callable(curve)
    scores = [curve(distance / 100) for distance in range(0, 60_000, 50)]
    assert all(0 <= score <= 1 for score in scores)
    assert all(a >= b for a, b in itertools.pairwise(scores))
    assert scores[0] > MIN_SCORE > scores[-1]


def test_every_relation_is_said_in_words() -> None:
    evidence: dict[str, dict[str, Any]] = {
        "phash": {"distance": 4.0, "orientation": "rotated_90"},
        "color": {"distance": 0.2},
    }
    said = {
        relation: summary(FusedMatch(ImageId(1), 1.0, relation, evidence))
        for relation in Relation
    }
    assert said[Relation.RE_ENCODED] == "re-encoded, 4 of 576 bits differ"
    assert said[Relation.ROTATED] == (
        "turned by 90° counterclockwise, 4 of 576 bits differ"
    )
    assert said[Relation.SIMILAR_COLORS] == (
        "similar colors, 90% of the palette shared"
    )
    assert len(set(said.values())) >= len(said) - 1  # mirrored and rotated read alike
