"""A curve fitted to copies and strangers says how much likelier copies are."""

import math

import numpy as np
import pytest

from ambience.fusion import Curve, Observations, Scale, fitted_curve
from ambience.fusion.curves import WEAKEST

BEFORE = Curve(seen=0.5, middle=0, width=3)
PAIRS = 200_000


def tried(*, seen: float, width: float, start: float = 200.0) -> Observations:
    """Draw strangers that grow rare exponentially, and copies evenly below them."""
    rng = np.random.default_rng(0)
    strangers = start + 60 - rng.exponential(width, PAIRS)
    copies = rng.uniform(0, 200, 2000)
    unseen = rng.random(2000) > seen
    copies[unseen] = start + 60 - rng.exponential(width, int(unseen.sum()))
    return Observations(copies.tolist(), strangers.tolist(), PAIRS)


@pytest.mark.parametrize("width", [3.0, 8.0])
@pytest.mark.parametrize("seen", [0.4, 0.9])
def test_the_tail_of_strangers_and_the_share_of_copies_are_found(
    seen: float, width: float
) -> None:
    curve = fitted_curve(tried(seen=seen, width=width), Scale.DISTANCE, before=BEFORE)
    assert curve is not None
    assert curve.width == pytest.approx(width, rel=0.1)
    assert curve.seen == pytest.approx(seen, abs=0.05)
    # Where it says that both are equally likely, they are: densities, drawn as above.
    x = 260 - 6 * width
    truth = math.log(1 - seen + (seen / 200) * width * math.exp((260 - x) / width))
    assert curve(x) == pytest.approx(truth, abs=0.7)


def test_a_service_that_names_no_stranger_is_trusted_as_far_as_it_was_tried() -> None:
    copies = [-20.0] * 90 + [math.inf] * 10
    curves = [
        fitted_curve(Observations(copies, [], pairs), Scale.ODDS, before=BEFORE)
        for pairs in (100, 10_000, 1_000_000)
    ]
    said = [curve(0.0) for curve in curves if curve is not None]
    assert said == sorted(said)
    assert said[2] - said[0] > 2 * BEFORE.width
    for curve in curves:
        assert curve is not None
        assert curve.width == BEFORE.width
        assert curve.seen == pytest.approx(0.9, abs=0.02)


def test_only_strangers_that_were_all_named_are_counted() -> None:
    """With a long list cut off, the nearest part of it says the same."""
    whole = tried(seen=0.5, width=5.0)
    near = sorted(whole.strangers)[:800]
    cut = Observations(whole.copies, near, PAIRS, complete=near[-1])
    curves = [fitted_curve(t, Scale.DISTANCE, before=BEFORE) for t in (whole, cut)]
    assert curves[0] is not None
    assert curves[1] is not None
    for x in (150.0, 180.0, 200.0):
        assert curves[1](x) == pytest.approx(curves[0](x), abs=3.5)


def test_with_nothing_to_go_by_there_is_no_curve() -> None:
    assert fitted_curve(Observations(), Scale.DISTANCE, before=BEFORE) is None
    blind = Observations([math.inf] * 5, [260.0, 270.0], 2)
    assert fitted_curve(blind, Scale.DISTANCE, before=BEFORE) is None
    alone = Observations([0.0], [], 0)
    assert fitted_curve(alone, Scale.DISTANCE, before=BEFORE) is None


def test_one_stranger_and_one_copy_are_enough_for_a_curve() -> None:
    for scale in Scale:
        curve = fitted_curve(Observations([-1.0], [5.0], 1), scale, before=BEFORE)
        assert curve is not None
        assert curve(-1.0) > curve(WEAKEST)
