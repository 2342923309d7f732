"""What is true of the color service only."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambience.core.features import Image
from ambience.services.color.extract import BINS, WHOLE, ColorExtractor, color_histogram
from tests.drawing import drawn_image


def image(pixels: np.ndarray, alpha: np.ndarray | None = None) -> Image:
    return Image(pixels, alpha, pixels.shape[:2])


def slow_histogram(pixels: np.ndarray) -> np.ndarray:
    """Count pixel by pixel, in shares of one."""
    counts: np.ndarray = np.zeros(BINS)
    for red, green, blue in pixels.reshape(-1, 3).tolist():
        counts[red // 32 * 64 + green // 32 * 8 + blue // 32] += 1
    return np.asarray(counts / counts.sum())


@given(seed=st.integers(0, 2**16), height=st.integers(1, 24), width=st.integers(1, 24))
def test_shares_are_those_of_a_slow_count(seed: int, height: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    shares = color_histogram(image(pixels))
    assert int(shares.sum(dtype=int)) == WHOLE
    np.testing.assert_allclose(shares / WHOLE, slow_histogram(pixels), atol=1 / WHOLE)


def test_transparent_pixels_do_not_count() -> None:
    pixels = np.full((4, 4, 3), 255, np.uint8)
    pixels[0] = (255, 0, 0)
    alpha = np.zeros((4, 4), np.uint8)
    alpha[0] = 255
    only_red = image(np.full((1, 1, 3), (255, 0, 0), np.uint8))
    shares = color_histogram(image(pixels, alpha))
    np.testing.assert_array_equal(shares, color_histogram(only_red))


def test_an_image_that_is_transparent_all_over_is_a_white_page() -> None:
    white = np.full((4, 4, 3), 255, np.uint8)
    nothing = image(white, np.zeros((4, 4), np.uint8))
    np.testing.assert_array_equal(
        color_histogram(nothing), color_histogram(image(white))
    )


@pytest.mark.parametrize("turn", [np.fliplr, np.flipud, np.rot90])
def test_turning_changes_nothing(turn: object) -> None:
    pixels = drawn_image(1)
    turned = np.ascontiguousarray(turn(pixels))  # type: ignore[operator]
    extractor = ColorExtractor()
    straight, other = extractor.extract([image(pixels), image(turned)])
    np.testing.assert_array_equal(straight.rows, other.rows)
