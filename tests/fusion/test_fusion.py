"""Which claims are made, how sure they are, and in which order they come."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambience.core.features import ImageId
from ambience.core.matches import Answer, FusedMatch, Match, Relation
from ambience.core.orientation import Orientation
from ambience.fusion import Belief, claim, fuse, fused_match
from tests.fusion.curves import CALIBRATION

K = 20


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
    return fuse(answers, facts=facts or {}, calibration=CALIBRATION, k=K)


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
    assert found[0].relation.is_copy
    assert found[1].relation is Relation.SIMILAR_COLORS


def test_a_far_hash_does_not_hide_similar_colors() -> None:
    (match,) = fused((hashed(1, 260),), (colored(1, 0.1),))
    assert match.relation is Relation.SIMILAR_COLORS
    assert set(match.evidence) == {"phash", "color"}


def test_what_is_more_likely_false_is_not_claimed() -> None:
    assert fused((hashed(1, 260),), (colored(1, 1.2),)) == []
    assert fused() == []


def test_the_caller_says_how_sure_a_claim_has_to_be() -> None:
    """A copy that is not sure enough does not hide colors that are."""
    answers = {"phash": Answer((hashed(1, 178),)), "color": Answer((colored(1, 0.0),))}
    found = {
        cut: [
            match.relation
            for match in fuse(
                answers, facts={}, calibration=CALIBRATION, k=1, min_score=cut
            )
        ]
        for cut in (0.0, 0.5, 0.75, 0.99)
    }
    assert found == {
        0.0: [Relation.RE_ENCODED],
        0.5: [Relation.RE_ENCODED],
        0.75: [Relation.SIMILAR_COLORS],
        0.99: [],
    }


def test_the_evidence_is_what_was_measured() -> None:
    (match,) = fused((hashed(1, 4, "mirrored"),), (colored(1, 0.2),))
    assert match.evidence == {
        "phash": {"distance": 4, "orientation": "mirrored"},
        "color": {"distance": 0.2},
    }


def test_sure_claims_come_first_the_strongest_before_the_surest() -> None:
    """A hash at 179 bits is a claim that is not sure, and comes after a crop."""
    local = tuple(
        Match(ImageId(i), distance, placed(query=1, image=0.4) | {"distance": distance})
        for i, distance in ((7, 1e-9), (8, 1e-12))
    )
    hashes = hashed(1, 60, "mirrored"), hashed(2, 80), hashed(3, 179)
    answers = {"phash": Answer(hashes), "local_features": Answer(local)}
    found = fuse(answers, facts={}, calibration=CALIBRATION, k=5)
    assert [match.image_id for match in found] == [2, 1, 8, 7]
    found = fuse({"phash": Answer(hashes)}, facts={}, calibration=CALIBRATION, k=5)
    assert [match.image_id for match in found] == [2, 1, 3]
    assert found[2].score < 0.9


def test_what_a_service_without_evidence_says_is_no_claim() -> None:
    """It is evidence of nothing, and speaks against nothing."""
    smelled = Answer((Match(ImageId(1), 0.0), Match(ImageId(2), 0.0)))
    answers = {"phash": Answer((hashed(1, 150),)), "smell": smelled}
    (match,) = fuse(answers, facts={}, calibration=CALIBRATION, k=K)
    (alone,) = fused((hashed(1, 150),))
    assert (match.image_id, match.score) == (1, alone.score)


def test_ties_are_broken_by_id() -> None:
    found = fused((hashed(9, 4), hashed(3, 4), hashed(5, 4)))
    assert [match.image_id for match in found] == [3, 5, 9]


@given(st.permutations(range(6)))
def test_the_order_of_matches_does_not_matter(order: list[int]) -> None:
    matches = tuple(hashed(i, 10 * i) for i in range(6))
    shuffled = tuple(matches[i] for i in order)
    assert fused(shuffled) == fused(matches)


def test_a_hash_is_said_in_words() -> None:
    turned = {"phash": {"distance": 4.0, "orientation": "rotated_90"}}
    assert said(turned) == "turned by 90° counterclockwise, 4 of 576 bits differ"
    upright = {"phash": {"distance": 0.0, "orientation": "upright"}}
    assert said(upright) == "re-encoded, all 576 bits of the hash agree"


def test_what_was_compared_is_said_in_words() -> None:
    known = {"phash": {"distance": 4.0, "orientation": "rotated_90"}}
    assert said({**known, "file": {}}) == "the same file, byte for byte"
    assert said({**known, "pixels": {}}) == "the same pixels in another file"


@pytest.mark.parametrize(
    ("relation", "local", "words"),
    [
        (
            Relation.CROP,
            {"query": 1.0, "image": 0.36},
            "a crop that shows 36% of the image, 40 points fit",
        ),
        (
            Relation.CONTAINS,
            {"query": 0.004, "image": 1.0},
            "the image takes up under 1% of this one, 40 points fit",
        ),
        (
            Relation.EDITED,
            {"query": 0.6, "image": 0.7},
            "edited, 70% of the image is in it, 40 points fit",
        ),
        (
            Relation.RE_ENCODED,
            {"query": 1.0, "image": 1.0},
            "re-encoded, 40 points fit",
        ),
        (
            Relation.ROTATED,
            {"query": 1.0, "image": 1.0, "rotation": 25.0},
            "turned by 25° counterclockwise, 40 points fit",
        ),
        (
            Relation.MIRRORED,
            {"query": 1.0, "image": 0.5, "mirrored": True},
            "a part of the image, mirrored, 40 points fit",
        ),
        (
            Relation.MIRRORED,
            {"query": 1.0, "image": 1.0, "mirrored": True, "rotation": 30.0},
            "mirrored and turned by 30° clockwise, 40 points fit",
        ),
    ],
)
def test_geometry_is_said_in_words(
    relation: Relation, local: dict[str, Any], words: str
) -> None:
    evidence = {"local_features": placed(**local)}
    assert claimed(evidence) is relation
    assert said(evidence) == words


def test_geometry_names_what_the_hash_is_too_far_for() -> None:
    far = {"distance": 150.0, "orientation": "upright"}
    border = {"phash": far, "local_features": placed(query=0.8, image=1.0)}
    assert claimed({"phash": far}) is Relation.RE_ENCODED
    assert claimed(border) is Relation.CONTAINS


def test_a_near_hash_names_what_geometry_measures_a_little_off() -> None:
    near = {"distance": 20.0, "orientation": "upright"}
    trimmed = {"phash": near, "local_features": placed(query=1.0, image=0.94)}
    assert claimed(trimmed) is Relation.RE_ENCODED


def test_wholes_that_the_hash_does_not_find_alike_are_edited() -> None:
    whole = {"local_features": placed(query=1.0, image=1.0)}
    assert claimed(whole, "local_features") is Relation.RE_ENCODED
    assert claimed(whole, "phash", "local_features") is Relation.EDITED
    busy = {"phash": Answer(note="busy")}
    match = fused_match(ImageId(1), whole, Belief(CALIBRATION, busy, k=K))
    assert match is not None
    assert match.summary == "edited, 100% of the image is in it, 40 points fit"


def test_geometry_that_may_be_chance_and_bare_votes_prove_nothing() -> None:
    unsure = placed(query=1.0, image=1.0) | {"distance": 0.9}
    assert claimed({"local_features": unsure}) is None
    assert claimed({"local_features": {"distance": 1e-9, "votes": 99.0}}) is None


def placed(
    *, query: float, image: float, rotation: float = 0.0, mirrored: bool = False
) -> dict[str, Any]:
    """Return what local features measure of a place."""
    return {
        "distance": 1e-6,
        "inliers": 40,
        "query_overlap": query,
        "image_overlap": image,
        "rotation_degrees": rotation,
        "mirrored": mirrored,
        "transform": np.eye(3).tolist(),
    }


def claimed(evidence: dict[str, dict[str, Any]], *asked: str) -> Relation | None:
    """Return what is claimed."""
    belief = Belief(CALIBRATION, dict.fromkeys(asked, Answer(note="busy")), k=K)
    found = claim(evidence, belief)
    return None if found is None else found[0]


def said(evidence: dict[str, dict[str, Any]]) -> str:
    match = fused_match(ImageId(1), evidence, Belief(CALIBRATION, {}, k=K))
    assert match is not None
    return match.summary
