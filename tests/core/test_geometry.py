"""Transforms, outlines and areas, by cases done by hand and by laws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambience.core.geometry import (
    Points,
    area,
    clipped,
    mapped,
    outline,
    shift,
    stretch,
    within,
)

SIZE = (60, 100)
EXACT = 1e-9


def points(*rows: tuple[float, float]) -> Points:
    return np.array(rows, np.float64).reshape(-1, 2)


def convex(seed: int, corners: int) -> Points:
    """Return a convex polygon about as large as the image, near it."""
    rng = np.random.default_rng(seed)
    angles = np.sort(rng.uniform(0, 2 * np.pi, corners))
    radii = rng.uniform(5, 80, 2)
    middle = rng.uniform((-40, -40), (140, 100))
    around = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return np.asarray(middle + radii * around, np.float64)


def test_shifts_add_and_stretches_multiply() -> None:
    there = mapped(shift(3, -4) @ stretch(2, 10), points((0, 0), (5, 1)))
    np.testing.assert_array_equal(there, [(3, -4), (13, 6)])


def test_a_homography_divides_by_the_last_coordinate() -> None:
    transform = np.array([(1, 0, 2), (0, 3, 0), (0.5, 0, 1)])
    np.testing.assert_array_equal(mapped(transform, points((2, 4))), [(2, 6)])
    np.testing.assert_array_equal(mapped(-7 * transform, points((2, 4))), [(2, 6)])


def test_no_points_are_mapped_to_none() -> None:
    assert mapped(np.eye(3), points()).shape == (0, 2)


@given(seed=st.integers(0, 1_000))
def test_the_inverse_takes_points_back(seed: int) -> None:
    rng = np.random.default_rng(seed)
    transform = np.eye(3) + rng.uniform(-0.2, 0.2, (3, 3))
    transform[2, :2] /= 100
    here = rng.uniform(0, 100, (20, 2))
    inverse = np.linalg.inv(transform).astype(np.float64)
    back = mapped(inverse, mapped(transform, here))
    np.testing.assert_allclose(back, here, atol=1e-6)


def test_the_outline_goes_round_the_pixels() -> None:
    corners = outline(SIZE)
    np.testing.assert_array_equal(corners, [(0, 0), (100, 0), (100, 60), (0, 60)])
    assert area(corners) == 6000


@pytest.mark.parametrize(
    ("polygon", "expected"),
    [
        (points((0, 0), (10, 0), (0, 10)), 50),
        (points((0, 10), (10, 0), (0, 0)), 50),  # the other way round
        (points((5, 5), (7, 5), (7, 9), (5, 9)), 8),
        (points((5, 5), (7, 5)), 0),
        (points((5, 5)), 0),
        (points(), 0),
    ],
)
def test_areas(polygon: Points, expected: float) -> None:
    assert area(polygon) == pytest.approx(expected, abs=EXACT)


@pytest.mark.parametrize(
    ("polygon", "expected"),
    [
        (points((10, 10), (20, 10), (20, 30), (10, 30)), 200),  # within
        (points((-50, -50), (200, -50), (200, 200), (-50, 200)), 6000),  # around
        (points((-10, 10), (10, 10), (10, 20), (-10, 20)), 100),  # across one side
        (points((90, 50), (110, 50), (110, 70), (90, 70)), 100),  # across a corner
        (points((-10, 0), (0, -10), (10, 0), (0, 10)), 50),  # around a corner
        (points((-30, 10), (-10, 10), (-10, 20), (-30, 20)), 0),  # beside
        (points((-20, 30), (-5, 80), (-10, 70)), 0),
        (points(), 0),
    ],
)
def test_what_is_outside_an_image_is_clipped(polygon: Points, expected: float) -> None:
    assert area(clipped(polygon, SIZE)) == pytest.approx(expected, abs=EXACT)


def test_nothing_within_has_no_corners() -> None:
    assert clipped(points((-9, 1), (-1, 1), (-1, 9)), SIZE).shape == (0, 2)


@given(seed=st.integers(0, 10_000), corners=st.integers(3, 8))
def test_two_halves_of_an_image_hold_as_much_as_the_whole(
    seed: int, corners: int
) -> None:
    height, width = SIZE
    polygon = convex(seed, corners)
    part = clipped(polygon, SIZE)
    assert (part >= 0).all()
    assert (part <= (width, height)).all()
    assert area(part) <= area(polygon) + EXACT
    left = clipped(polygon, (height, width // 2))
    right = clipped(polygon - (width // 2, 0), (height, width // 2))
    assert area(left) + area(right) == pytest.approx(area(part), abs=EXACT)


@given(seed=st.integers(0, 10_000), corners=st.integers(3, 8))
def test_clipping_twice_is_clipping_once(seed: int, corners: int) -> None:
    once = clipped(convex(seed, corners), SIZE)
    assert area(clipped(once, SIZE)) == pytest.approx(area(once), abs=EXACT)


def test_points_are_within_a_polygon_or_on_its_outline() -> None:
    triangle = points((0, 0), (10, 0), (0, 10))
    inside = points((1, 1), (0, 0), (5, 5), (10, 0), (3, 0))
    outside = points((6, 6), (-1, 1), (11, 0), (1, -1))
    for polygon in (triangle, triangle[::-1]):  # whichever way round
        assert within(inside, polygon).all()
        assert not within(outside, polygon).any()


@given(seed=st.integers(0, 10_000), corners=st.integers(3, 8))
def test_the_middle_of_a_part_is_within_both(seed: int, corners: int) -> None:
    polygon = convex(seed, corners)
    part = clipped(polygon, SIZE)
    if area(part) > 1:
        middle = part.mean(axis=0)[None]
        assert within(middle, polygon).all()
        assert within(middle, outline(SIZE)).all()
        beyond = polygon.mean(axis=0) + 2 * (polygon - polygon.mean(axis=0))
        assert not within(beyond, polygon).any()
