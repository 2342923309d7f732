"""Rotations, perspectives, and the sizes of turned images."""

import math

import numpy as np

from ambience.core.geometry import Matrix, Points, Size, shift


def turn(sine: float, cosine: float) -> Matrix:
    """Return a rotation about the origin."""
    rows = [(cosine, -sine, 0), (sine, cosine, 0), (0, 0, 1)]
    return np.array(rows, np.float64)


def about_centers(linear: Matrix, new: Size, old: Size) -> Matrix:
    """Return a linear map, shifted so that it maps one image's center to another's."""
    there = shift(old[1] / 2, old[0] / 2)
    return there @ linear @ shift(-new[1] / 2, -new[0] / 2)


def between(points: Points, others: Points) -> Matrix:
    """Return the homography that maps four points to four others."""
    rows = []
    for (x, y), (u, v) in zip(points, others, strict=True):
        rows.append((x, y, 1, 0, 0, 0, -u * x, -u * y))
        rows.append((0, 0, 0, x, y, 1, -v * x, -v * y))
    solution = np.linalg.solve(np.array(rows), others.ravel())
    return np.append(solution, 1.0).reshape(3, 3)


def size_around(size: Size, angle: float) -> Size:
    """Return the size of the smallest upright rectangle around a turned one.

    Args:
        size: Of the rectangle before it is turned.
        angle: In radians.
    """
    height, width = size
    sine, cosine = abs(math.sin(angle)), abs(math.cos(angle))
    high, wide = height * cosine + width * sine, width * cosine + height * sine
    return math.ceil(high), math.ceil(wide)


def size_inside(size: Size, angle: float) -> Size:
    """Return the size of the largest upright rectangle inside a turned one.

    Both have the same center.

    Args:
        size: Of the rectangle before it is turned.
        angle: In radians.
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
