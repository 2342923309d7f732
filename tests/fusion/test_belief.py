"""What evidence is worth: alone, together, and where some of it is missing."""

import itertools
import math
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambience.core.features import ImageId
from ambience.core.matches import Answer, BackgroundDistances, Match
from ambience.fusion import Belief, Curve, Scale
from ambience.fusion.curves import scaled_distance
from tests.fusion.curves import CALIBRATION

K = 20
DISTANCES = {
    "phash": st.floats(0, 576),
    "local_features": st.floats(0, 1),
}


def slow_copy(evidence: Mapping[str, Mapping[str, Any]], silent: set[str]) -> float:
    """Multiply odds, one service after the other."""
    odds = 1e-6
    for name, measured in evidence.items():
        curve, x = CALIBRATION.curve(name), measured["distance"]
        if name == "local_features":
            x = min(max(x, 1e-15), 1 - 1e-15)
            x = math.log(x / (1 - x))
        odds *= 1 - curve.seen + math.exp((curve.middle - x) / curve.width)
    for name in silent - set(evidence):
        odds *= 1 - CALIBRATION.curve(name).seen
    return odds / (1 + odds)


@given(
    st.fixed_dictionaries({}, optional=DISTANCES),
    st.sets(st.sampled_from(sorted(DISTANCES))),
)
def test_evidence_joins_as_the_slow_version_says(
    distances: dict[str, float], silent: set[str]
) -> None:
    evidence = {name: {"distance": distance} for name, distance in distances.items()}
    belief = Belief(CALIBRATION, dict.fromkeys(silent, Answer()), k=K)
    assert belief.copy(evidence) == pytest.approx(slow_copy(evidence, silent), rel=1e-9)


def test_the_order_of_services_does_not_matter() -> None:
    evidence = {"phash": {"distance": 190.0}, "local_features": {"distance": 0.3}}
    turned = dict(reversed(evidence.items()))
    belief = Belief(CALIBRATION, {}, k=K)
    assert belief.copy(evidence) == belief.copy(turned)


def test_nearer_is_never_less_probable() -> None:
    belief = Belief(CALIBRATION, {}, k=K)
    for name, most in {"phash": 576, "local_features": 1, "color": 2}.items():
        scores = []
        for step in range(201):
            evidence = {name: {"distance": most * step / 200}}
            scores.append(
                belief.likeness(name, evidence)
                if name == "color"
                else belief.copy(evidence)
            )
        assert all(0 <= score <= 1 for score in scores)
        assert all(a >= b for a, b in itertools.pairwise(scores))
        assert scores[0] > 0.5
        assert scores[-1] < 0.01


def test_a_service_that_found_nothing_speaks_against_a_copy() -> None:
    """One that was not asked, gave a reason, or may have had more to name, does not."""
    hashed = {"phash": {"distance": 175.0}}
    alone = Belief(CALIBRATION, {}, k=K).copy(hashed)
    full = tuple(Match(ImageId(i), 0.1) for i in range(K))
    for said, changes in (
        (Answer(), True),
        (Answer(full[:3]), True),
        (Answer(full), False),
        (Answer(note="there are no keypoints in it"), False),
    ):
        score = Belief(CALIBRATION, {"local_features": said}, k=K).copy(hashed)
        assert (score < alone) is changes


def test_a_palette_is_like_another_if_it_is_nearer_than_the_background() -> None:
    """The same distance means more where all others are far."""
    evidence = {"color": {"distance": 0.7}}
    scores = []
    for background in (
        BackgroundDistances(mean=1.7, deviation=0.1, count=256),
        None,
        BackgroundDistances(mean=0.8, deviation=0.3, count=256),
    ):
        answers = {"color": Answer(background=background)}
        scores.append(Belief(CALIBRATION, answers, k=K).likeness("color", evidence))
    colorful, unknown, dull = scores
    assert colorful > 0.9
    assert colorful > unknown > dull
    assert dull < 0.1


def test_a_small_background_counts_little() -> None:
    usual = CALIBRATION.usual("color")
    assert usual is not None
    assert usual.combined_with(None) == usual.combined_with(
        BackgroundDistances(0.0, 0.0, 0)
    )
    few = usual.combined_with(BackgroundDistances(0.5, 0.1, 2))
    many = usual.combined_with(BackgroundDistances(0.5, 0.1, 2000))
    assert few.mean == pytest.approx((2 * 0.5 + 20 * 1.5) / 22)
    assert few.deviation > usual.deviation  # the two means are apart
    assert many.mean == pytest.approx(0.5, abs=0.02)
    assert many.deviation == pytest.approx(0.1, abs=0.05)


@given(
    st.floats(0.001, 0.999),
    st.floats(-300, 300),
    st.floats(0.01, 100),
    st.floats(-1e4, 1e4),
)
def test_a_curve_is_the_logarithm_that_it_says(
    seen: float, middle: float, width: float, x: float
) -> None:
    curve = Curve(seen=seen, middle=middle, width=width)
    if (middle - x) / width < 700:  # math.exp overflows there
        slow = math.log(1 - seen + math.exp((middle - x) / width))
        assert curve(x) == pytest.approx(slow, rel=1e-9, abs=1e-9)
    assert curve.silence == pytest.approx(math.log(1 - seen))


def test_every_scale_grows_with_the_distance() -> None:
    background = BackgroundDistances(1.0, 0.2, 100)
    for scale in Scale:
        xs = [scaled_distance(scale, step / 100, background) for step in range(101)]
        assert all(a <= b for a, b in itertools.pairwise(xs))
        assert all(map(math.isfinite, xs))
