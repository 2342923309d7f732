"""Rows of keypoints hold what was packed, as finely as their columns say."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ambience.core.keypoints import (
    DESCRIPTOR_DIM,
    ROW,
    STEPS,
    TURN,
    Keypoints,
    pack,
    unpack,
    without_frames,
)

SIZES = st.tuples(st.integers(1, 100_000), st.integers(1, 100_000))
SCALE_STEP = 1 / 4096  # octaves
TINY = 1e-9  # of a step: what is lost in double precision


def drawn(size: tuple[int, int], count: int, seed: int) -> Keypoints:
    """Return keypoints anywhere in an image, of any scale that a row can say."""
    rng = np.random.default_rng(seed)
    return Keypoints(
        size,
        rng.uniform(0, 1, (count, 2)) * size[::-1],
        np.exp2(rng.uniform(-15.8, 0, count)) * max(size),
        rng.uniform(-10, 10, count),  # radians: more than a turn either way
        rng.integers(0, 256, (count, DESCRIPTOR_DIM), dtype=np.uint8),
    )


def turned_by(angles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return differences of angles as the shorter way round, in radians."""
    return np.abs((angles + np.pi) % (2 * np.pi) - np.pi)


@given(size=SIZES, count=st.integers(0, 40), seed=st.integers(0, 1_000))
def test_what_is_packed_comes_back_within_half_a_step(
    size: tuple[int, int], count: int, seed: int
) -> None:
    keypoints = drawn(size, count, seed)
    back = unpack(pack(keypoints))
    assert back.size == size
    assert len(back) == count
    np.testing.assert_array_equal(back.descriptors, keypoints.descriptors)
    half = np.array(size[::-1]) / STEPS / 2
    assert (np.abs(back.places - keypoints.places) <= half * (1 + TINY)).all()
    octaves = np.abs(np.log2(back.scales / keypoints.scales))
    assert (octaves <= SCALE_STEP / 2 * (1 + TINY)).all()
    turned = turned_by(back.angles - keypoints.angles)
    assert (turned <= np.pi / TURN * (1 + TINY)).all()


@given(size=SIZES, seed=st.integers(0, 1_000))
def test_packing_again_changes_nothing(size: tuple[int, int], seed: int) -> None:
    rows = pack(drawn(size, 10, seed))
    np.testing.assert_array_equal(pack(unpack(rows)), rows)


def test_half_a_step_of_a_scale_is_a_hundredth_of_a_percent() -> None:
    assert 2 ** (SCALE_STEP / 2) - 1 < 0.0001


def test_places_at_the_edges_are_kept_and_outside_ones_moved_there() -> None:
    places = np.array([(0, 0), (640, 480), (-3, 500), (700, 100)], np.float64)
    keypoints = Keypoints(
        (480, 640), places, np.ones(4), np.zeros(4), np.zeros((4, 128), np.uint8)
    )
    back = unpack(pack(keypoints)).places
    step = np.array((640, 480)) / STEPS
    expected = np.array([(0, 0), (640, 480), (0, 480), (640, 100)])
    assert (np.abs(back - expected) <= step / 2).all()


@pytest.mark.parametrize("scale", [1e-9, 1e9])
def test_scales_beyond_the_column_stay_keypoints(scale: float) -> None:
    keypoints = Keypoints(
        (480, 640),
        np.ones((1, 2)),
        np.array([scale]),
        np.zeros(1),
        np.zeros((1, 128), np.uint8),
    )
    rows = pack(keypoints)
    assert without_frames(rows).tolist() == [False, True]
    assert len(unpack(rows)) == 1


def test_an_angle_just_short_of_a_turn_is_none() -> None:
    keypoints = drawn((10, 10), 1, 0)
    angles = np.array([2 * np.pi - 1e-6])
    whole = Keypoints(
        (10, 10), keypoints.places, keypoints.scales, angles, keypoints.descriptors
    )
    assert unpack(pack(whole)).angles.tolist() == [0.0]


def test_an_image_without_keypoints_has_its_frame() -> None:
    rows = pack(drawn((99_999, 7), 0, 0))
    assert rows.shape == (1, ROW.itemsize)
    assert rows.dtype == np.uint8
    assert unpack(rows).size == (99_999, 7)
    assert not without_frames(rows).any()


def test_frames_are_told_from_keypoints_among_rows_of_many_images() -> None:
    counts = [3, 0, 0, 5, 1]
    rows = np.concatenate([pack(drawn((480, 640), n, n)) for n in counts])
    expected = [flag for n in counts for flag in (False, *[True] * n)]
    assert without_frames(rows).tolist() == expected


def test_a_part_of_keypoints_is_the_same_keypoints() -> None:
    keypoints = drawn((480, 640), 9, 1)
    some = keypoints[np.array([7, 2])]
    assert len(some) == 2
    assert some.size == keypoints.size
    rows, part = pack(keypoints), pack(some)
    np.testing.assert_array_equal(part[1:], rows[1:][[7, 2]])
    np.testing.assert_array_equal(pack(keypoints[:4])[1:], rows[1:5])


@pytest.mark.parametrize("first", [1, 10])
def test_rows_that_do_not_begin_with_a_frame_are_refused(first: int) -> None:
    rows = pack(drawn((480, 640), 9, 1))[first:]
    with pytest.raises(ValueError, match="begin with its frame"):
        unpack(rows)
