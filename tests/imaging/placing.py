"""A picture with edges everywhere, and where it lies in an edited copy."""

from functools import cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from ambience.core.geometry import mapped
from ambience.imaging.edits import Edited, Placed

Pixels: TypeAlias = NDArray[np.uint8]
Floats: TypeAlias = NDArray[np.float64]

SIZE = (321, 481)


@cache
def scene(seed: int, size: tuple[int, int] = SIZE) -> Pixels:
    """Edges everywhere: any part of it tells where it is from."""
    rng = np.random.default_rng(seed)
    height, width = size
    picture = Image.new("RGB", (width, height), "gray")
    pen = ImageDraw.Draw(picture)
    for x, y, radius in rng.uniform((0, 0, 4), (width, height, 24), (900, 3)):
        red, green, blue = rng.integers(0, 200, 3).tolist()
        pen.regular_polygon((x, y, radius), 3 + int(x) % 4, fill=(red, green, blue))
    pixels = np.array(picture)
    pixels.setflags(write=False)
    return pixels


def area(polygon: Floats) -> float:
    (x, y), (u, v) = polygon.T, np.roll(polygon, -1, axis=0).T
    return abs(float((x * v - u * y).sum())) / 2


def bounds(pixels: NDArray[Any]) -> Floats:
    return np.array([pixels.shape[1], pixels.shape[0]], np.float64)


def depth(points: Floats, polygon: Floats) -> Floats:
    """Return how far within a convex polygon points are, in pixels."""
    middle = polygon.mean(axis=0)
    least = np.full(len(points), np.inf)
    for start, end in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        along = end - start
        if np.hypot(*along) < 1e-9:
            continue
        normal = np.array([-along[1], along[0]]) / np.hypot(*along)
        side = np.sign((middle - start) @ normal)
        least = np.minimum(least, side * ((points - start) @ normal))
    return least


def centers_within(place: Placed, margin: float) -> Floats:
    """Return the centers of pixels at least ``margin`` within the region."""
    left, top = place.region.min(axis=0).astype(int)
    right, bottom = np.ceil(place.region.max(axis=0)).astype(int)
    y, x = np.mgrid[top:bottom, left:right]
    centers = np.stack([x.ravel() + 0.5, y.ravel() + 0.5], axis=1)
    return centers[depth(centers, place.region) > margin]


def sampled(values: Floats, points: Floats) -> Floats:
    """Return values between pixel centers, bilinear."""
    at = np.clip(points - 0.5, 0, bounds(values) - 1.001)
    x, y = at.astype(int).T
    fx, fy = (at % 1).T
    upper = values[y, x] * (1 - fx) + values[y, x + 1] * fx
    lower = values[y + 1, x] * (1 - fx) + values[y + 1, x + 1] * fx
    return np.asarray(upper * (1 - fy) + lower * fy, np.float64)


def likeness(edited: Edited, place: Placed, shift: tuple[float, float]) -> float:
    """Return the correlation with the original where it would lie but for a shift."""
    points = centers_within(place, 3.0)
    x, y = points.astype(int).T
    seen = edited.pixels[y, x].mean(axis=1)
    original = scene(place.original).mean(axis=2)
    there = sampled(original, mapped(place.transform, points + shift))
    return float(np.corrcoef(seen, there)[0, 1])


def off_by(edited: Edited, place: Placed, axis: int) -> float:
    """Return how far the best likeness is from the place, in pixels of the copy."""
    one = (1.0, 0.0) if axis == 0 else (0.0, 1.0)
    before = likeness(edited, place, (-one[0], -one[1]))
    here, after = likeness(edited, place, (0, 0)), likeness(edited, place, one)
    assert here > max(before, after)
    return (after - before) / (2 * (2 * here - before - after))
