"""A picture is found within a page, although the page covers the rest of it."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from ambience.core.features import Image
from ambience.core.geometry import Matrix, shift
from ambience.imaging import ImageFile, png
from ambience.overlay import Overlay, overlay, same_picture
from ambience.overlay.agreement import Agreement, Cells
from ambience.overlay.inset import inset

CELL = 16
LEFT, TOP, RIGHT, BOTTOM = 64, 32, 416, 336  # what the page shows of the picture
GRID = (12, 16)


@pytest.fixture(scope="module")
def picture(photos: dict[str, Path]) -> NDArray[np.uint8]:
    pixels = ImageFile(photos["astronaut.png"].read_bytes()).image.pixels
    return np.ascontiguousarray(pixels[:384, :512])


def page(seed: int, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Draw what has no cell in common with another seed's."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (shape[0] // 4, shape[1] // 4, 1))
    return np.repeat(np.kron(coarse, np.ones((4, 4, 1))), 3, axis=2).astype(np.uint8)


def image_of(pixels: NDArray[np.uint8]) -> Image:
    return ImageFile(png(pixels)).image


def laid(query: NDArray[np.uint8], image: NDArray[np.uint8]) -> Overlay:
    here: Matrix = np.eye(3)
    found = overlay(image_of(query), image_of(image), here)
    assert found is not None
    return found


def test_a_page_shows_a_part_of_a_picture(picture: NDArray[np.uint8]) -> None:
    query = page(0, picture.shape)
    query[TOP:BOTTOM, LEFT:RIGHT] = picture[TOP:BOTTOM, LEFT:RIGHT]
    found = laid(query, picture)
    assert found.inset is not None
    x, y, width, height = found.inset
    assert (x, y) == pytest.approx((LEFT, TOP), abs=2 * CELL)
    assert (x + width, y + height) == pytest.approx((RIGHT, BOTTOM), abs=2 * CELL)
    assert found.measure.agrees > 0.95
    assert same_picture(found.measure) > 0.9
    # What both hold is told of the whole.
    assert found.differs > 0.4
    assert found.details()["inset"] == {
        "box": list(found.inset),
        "agrees": round(found.measure.agrees, 4),
    }


def test_places_are_told_in_pixels_of_the_query(picture: NDArray[np.uint8]) -> None:
    query = page(0, (600, 800, 3))
    query[50 + TOP : 50 + BOTTOM, 100 + LEFT : 100 + RIGHT] = picture[
        TOP:BOTTOM, LEFT:RIGHT
    ]
    found = overlay(image_of(query), image_of(picture), shift(-100, -50))
    assert found is not None
    assert found.inset is not None
    assert found.inset[:2] == pytest.approx((100 + LEFT, 50 + TOP), abs=2 * CELL)


def test_a_whole_copy_is_no_inset(picture: NDArray[np.uint8]) -> None:
    found = laid(picture, picture)
    assert found.inset is None
    assert found.details()["inset"] is None


def test_a_small_part_is_no_inset(picture: NDArray[np.uint8]) -> None:
    query = page(0, picture.shape)
    query[128:256, 128:208] = picture[128:256, 128:208]
    assert laid(query, picture).inset is None


def test_a_drawing_is_no_inset() -> None:
    """Frames and bars are the same in many images."""
    one, other = page(1, (384, 512, 3)), page(2, (384, 512, 3))
    for pixels in (one, other):
        pixels[TOP:BOTTOM, LEFT:RIGHT] = 255
        for x in range(LEFT + 8, RIGHT, CELL):
            pixels[TOP + 4 : BOTTOM - 4, x : x + 2] = 0
        for y in range(TOP + 8, BOTTOM, CELL):
            pixels[y : y + 2, LEFT + 4 : RIGHT - 4] = 0
    found = laid(one, other)
    assert found.agrees > 0.3
    assert found.inset is None


def seen(agrees: NDArray[np.bool_]) -> Agreement:
    every = np.ones_like(agrees)
    contrast = np.full(agrees.shape, 9, np.float32)
    return Agreement(CELL, every, every, agrees, ~agrees, contrast, contrast)


@given(
    arrays(bool, GRID, elements=st.booleans()),
    st.tuples(st.integers(0, 5), st.integers(0, 7)),
    st.tuples(st.integers(6, 9), st.integers(8, 11)),
)
def test_the_rectangle_is_found_wherever_it_is(
    noise: NDArray[np.bool_], first: tuple[int, int], end: tuple[int, int]
) -> None:
    part = np.s_[first[0] : end[0], first[1] : end[1]]
    agrees = np.zeros(GRID, np.bool_)
    agrees[part] = True
    flat = np.where(noise, 0.1, 0.2).astype(np.float32)
    cells, share = int(agrees.sum()), agrees.mean()
    found = inset(seen(agrees), flat)
    if cells >= 24 and share >= 0.2:
        assert found is not None
        assert (found == agrees).all()
    else:
        assert found is None


def found_in(grid: tuple[int, int], *parts: tuple[slice, slice]) -> Cells | None:
    """Return the inset of a grid in which these parts agree."""
    agrees = np.zeros(grid, np.bool_)
    for part in parts:
        agrees[part] = True
    return inset(seen(agrees), np.full(grid, 0.1, np.float32))


def test_two_rectangles_are_no_inset() -> None:
    """What both images show in several places is a scene, or a layout."""
    left, right = np.s_[:, :7], np.s_[:, 11:]
    assert found_in(GRID, left) is not None
    assert found_in(GRID, left, right) is None


@pytest.mark.parametrize(("every", "is_one"), [(20, True), (5, False)])
def test_nearly_all_of_an_inset_agrees(every: int, *, is_one: bool) -> None:
    agrees = np.zeros(GRID, np.bool_)
    part = agrees[2:10, 3:13]
    part[:] = (np.arange(part.size) % every != every // 2).reshape(part.shape)
    found = inset(seen(agrees), np.full(GRID, 0.1, np.float32))
    assert (found is not None) == is_one


@pytest.mark.parametrize(
    ("part", "is_one"),
    [
        (np.s_[:5, :5], True),  # 25 of 64, 39 around
        (np.s_[:5, :4], False),  # 20
        (np.s_[:, :5], True),  # 24 around
        (np.s_[:7, :6], False),  # 22 around
    ],
    ids=["inside", "few inside", "around", "few around"],
)
def test_a_few_cells_are_no_inset(part: tuple[slice, slice], *, is_one: bool) -> None:
    assert (found_in((8, 8), part) is not None) == is_one
