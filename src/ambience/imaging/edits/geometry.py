"""Points, polygons and the transforms between them, in continuous coordinates.

Points are ``(x, y)``: ``(0, 0)`` is the outer corner of an image's first pixel,
``(0.5, 0.5)`` the center of that pixel, ``(width, height)`` the opposite corner of the
image. So a transform does not change when pixels are made finer.
"""

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Matrix: TypeAlias = NDArray[np.float64]
"""A homogeneous transform of points, shape ``(3, 3)``."""

Points: TypeAlias = NDArray[np.float64]
"""Shape ``(n, 2)``."""

Size: TypeAlias = tuple[int, int]
"""``(height, width)`` in pixels."""


def mapped(transform: Matrix, points: Points) -> Points:
    """Return where a transform takes points."""
    homogeneous = np.column_stack([points, np.ones(len(points))]) @ transform.T
    return homogeneous[:, :2] / homogeneous[:, 2:]


def shift(x: float, y: float) -> Matrix:
    """Return the transform that adds to coordinates."""
    return np.array([(1, 0, x), (0, 1, y), (0, 0, 1)], np.float64)


def stretch(x: float, y: float) -> Matrix:
    """Return the transform that multiplies coordinates."""
    return np.diag(np.array((x, y, 1), np.float64))


def turn(sine: float, cosine: float) -> Matrix:
    """Return a rotation about the origin."""
    rows = [(cosine, -sine, 0), (sine, cosine, 0), (0, 0, 1)]
    return np.array(rows, np.float64)


def about_centers(linear: Matrix, new: Size, old: Size) -> Matrix:
    """Return a transform that takes the center of an image to that of another."""
    there = shift(old[1] / 2, old[0] / 2)
    return there @ linear @ shift(-new[1] / 2, -new[0] / 2)


def between(points: Points, others: Points) -> Matrix:
    """Return the homography that takes four points to four others."""
    rows = []
    for (x, y), (u, v) in zip(points, others, strict=True):
        rows.append((x, y, 1, 0, 0, 0, -u * x, -u * y))
        rows.append((0, 0, 0, x, y, 1, -v * x, -v * y))
    solution = np.linalg.solve(np.array(rows), others.ravel())
    return np.append(solution, 1.0).reshape(3, 3)


def outline(size: Size) -> Points:
    """Return the corners of an image, from the top left."""
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


def size_around(size: Size, angle: float) -> Size:
    """Return the size of an upright rectangle around one turned by ``angle`` radians.

    The smallest in whole pixels.
    """
    height, width = size
    sine, cosine = abs(math.sin(angle)), abs(math.cos(angle))
    high, wide = height * cosine + width * sine, width * cosine + height * sine
    return math.ceil(high), math.ceil(wide)


def size_inside(size: Size, angle: float) -> Size:
    """Return the size of an upright rectangle within one turned by ``angle`` radians.

    The one of the largest area, both centers at the same point, in whole pixels.
    """
    height, width = size
    sine, cosine = abs(math.sin(angle)), abs(math.cos(angle))
    if min(size) <= 2 * sine * cosine * max(size):  # two corners touch the long sides
        lying = min(size) / 2 / cosine, min(size) / 2 / sine
        high, wide = lying if width >= height else lying[::-1]
    else:  # each corner touches a side
        whole = cosine**2 - sine**2
        high = (height * cosine - width * sine) / whole
        wide = (width * cosine - height * sine) / whole
    return max(1, math.floor(high)), max(1, math.floor(wide))
