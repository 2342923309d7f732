"""Points, polygons and the transforms between them, in continuous coordinates.

Points are ``(x, y)``: ``(0, 0)`` is the outer corner of an image's first pixel,
``(0.5, 0.5)`` the center of that pixel, ``(width, height)`` the opposite corner of the
image. With these, resizing an image is a plain multiplication of its coordinates.
"""

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ambience.core.orientation import Orientation

Matrix: TypeAlias = NDArray[np.float64]
"""A homogeneous transform of points, shape ``(3, 3)``."""

Points: TypeAlias = NDArray[np.float64]
"""Shape ``(n, 2)``."""

Size: TypeAlias = tuple[int, int]
"""``(height, width)`` in pixels."""


_TURNED = {
    Orientation.UPRIGHT: [(1, 0, 0), (0, 1, 0)],
    Orientation.MIRRORED: [(-1, 0, 1), (0, 1, 0)],
    Orientation.FLIPPED: [(1, 0, 0), (0, -1, 1)],
    Orientation.ROTATED_90: [(0, -1, 1), (1, 0, 0)],
    Orientation.ROTATED_180: [(-1, 0, 1), (0, -1, 1)],
    Orientation.ROTATED_270: [(0, 1, 0), (-1, 0, 1)],
    Orientation.TRANSPOSED: [(0, 1, 0), (1, 0, 0)],
    Orientation.TRANSVERSED: [(0, -1, 1), (-1, 0, 1)],
}
"""The first two rows of each one's transform of the unit square."""


def extent(size: Size) -> float:
    """Return the longest side of an image, in pixels, unless it is a strip.

    An image more than twice as long as wide counts as one that is twice as long as wide
    and has as many pixels. So it isn't shrunk until nothing in it can be seen, and a
    part of it counts as much as a part of another image.
    """
    height, width = size
    return min(float(max(size)), math.sqrt(2 * height * width))


def mapped(transform: Matrix, points: Points) -> Points:
    """Return points after a transform."""
    homogeneous = np.column_stack([points, np.ones(len(points))]) @ transform.T
    return homogeneous[:, :2] / homogeneous[:, 2:]


def shift(x: float, y: float) -> Matrix:
    """Return the transform that moves points by ``(x, y)``."""
    return np.array([(1, 0, x), (0, 1, y), (0, 0, 1)], np.float64)


def stretch(x: float, y: float) -> Matrix:
    """Return the transform that multiplies coordinates by ``(x, y)``."""
    return np.diag(np.array((x, y, 1), np.float64))


def oriented(orientation: Orientation, here: Size, there: Size) -> Matrix:
    """Return the transform that turns an image and stretches it over another.

    Args:
        orientation: How the first image is turned.
        here: The size of the first image before it is turned.
        there: The size of the other image.
    """
    square = np.vstack([_TURNED[orientation], (0, 0, 1)]).astype(np.float64)
    in_sides = stretch(1 / here[1], 1 / here[0])
    return np.asarray(stretch(there[1], there[0]) @ square @ in_sides, np.float64)


def outline(size: Size) -> Points:
    """Return the corners of an image, clockwise from the top left."""
    height, width = size
    return np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float64)


def clipped(polygon: Points, size: Size) -> Points:
    """Return the part of a convex polygon within an image; no points if there is none.

    Sutherland and Hodgman, https://doi.org/10.1145/360767.360802
    """
    height, width = size
    sides = (((1, 0), 0), ((-1, 0), width), ((0, 1), 0), ((0, -1), height))
    for inwards, offset in sides:
        depth = polygon @ np.array(inwards, np.float64) + offset
        kept = []
        for end in range(len(polygon)):
            a, b = depth[end - 1], depth[end]
            if (a < 0) != (b < 0):
                step = (polygon[end] - polygon[end - 1]) * (a / (a - b))
                kept.append(polygon[end - 1] + step)
            if b >= 0:
                kept.append(polygon[end])
        polygon = np.array(kept, np.float64).reshape(-1, 2)
    return np.clip(polygon, 0, (width, height))


def within(points: Points, polygon: Points) -> NDArray[np.bool_]:
    """Return which points are in a convex polygon or on its outline, shape ``(n,)``."""
    sides = np.roll(polygon, -1, axis=0) - polygon
    from_corners = points[:, None] - polygon
    left = sides[:, 0] * from_corners[..., 1] - sides[:, 1] * from_corners[..., 0]
    return np.asarray((left >= 0).all(axis=1) | (left <= 0).all(axis=1))


def area(polygon: Points) -> float:
    """Return the area of a polygon; 0 if it has fewer than three corners."""
    x, y = polygon.T
    return float(abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2)
