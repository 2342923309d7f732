"""Keypoints made up for tests: equal seeds, equal keypoints."""

import numpy as np
from numpy.typing import NDArray

from ambience.core.geometry import Matrix, Points, Size, mapped, shift, stretch
from ambience.core.keypoints import DESCRIPTOR_DIM, Keypoints

NOISE = 0.5  # pixels: as well as places are measured


def descriptors(rng: np.random.Generator, count: int) -> NDArray[np.uint8]:
    """Return descriptors of length 512 that have nothing in common."""
    drawn = rng.gamma(0.6, 1, (count, DESCRIPTOR_DIM))
    drawn *= 512 / np.linalg.norm(drawn, axis=1, keepdims=True)
    return np.minimum(drawn, 255).astype(np.uint8)


def strewn(rng: np.random.Generator, size: Size, count: int) -> Keypoints:
    """Return keypoints anywhere in an image."""
    return Keypoints(
        size,
        rng.uniform(0, 1, (count, 2)) * size[::-1],
        np.exp2(rng.uniform(1, 5, count)),
        rng.uniform(0, 2 * np.pi, count),
        descriptors(rng, count),
    )


def seen_through(  # noqa: PLR0913 -- the subject, and options by name
    rng: np.random.Generator,
    image: Keypoints,
    transform: Matrix,
    size: Size,
    *,
    outliers: int = 0,
    noise: float = NOISE,
) -> Keypoints:
    """Return the keypoints of a query that shows an image.

    Args:
        rng: Of noise and outliers.
        image: What it shows.
        transform: Takes points of the query to points of the image.
        size: Of the query; what is outside is not seen.
        outliers: So many of the image's descriptors are seen elsewhere, instead.
        noise: Of places, in pixels of the query; scales and angles have some, too.
    """
    back = np.linalg.inv(transform)
    places = mapped(back.astype(np.float64), image.places)
    tip = image.places + image.scales[:, None] * np.stack(
        [np.cos(image.angles), np.sin(image.angles)], axis=1
    )
    along = mapped(back.astype(np.float64), tip) - places
    seen = Keypoints(
        size,
        places + rng.normal(0, noise, places.shape),
        np.hypot(*along.T) * np.exp2(rng.normal(0, 0.1, len(image))),
        np.arctan2(along[:, 1], along[:, 0]) + rng.normal(0, 0.05, len(image)),
        image.descriptors,
    )
    inside = (seen.places >= 0) & (seen.places <= size[::-1])
    seen = seen[np.flatnonzero(inside.all(axis=1))]
    wrong = strewn(rng, size, outliers)
    assert outliers <= len(seen)
    seen.places[:outliers] = wrong.places
    seen.angles[:outliers] = wrong.angles
    return seen


def turned(degrees: float, size: Size) -> Matrix:
    """Return a rotation about the center of an image, clockwise."""
    sine, cosine = np.sin(np.radians(degrees)), np.cos(np.radians(degrees))
    rotation = np.array([(cosine, -sine, 0), (sine, cosine, 0), (0, 0, 1)], np.float64)
    height, width = size
    return shift(width / 2, height / 2) @ rotation @ shift(-width / 2, -height / 2)


def scaled(x: float, y: float | None = None) -> Matrix:
    """Return the transform from an image to one so many times as large."""
    return stretch(x, x if y is None else y)


def worst(found: Matrix, true: Matrix, points: Points) -> float:
    """Return how far apart two transforms take the same points, at most."""
    return float(np.hypot(*(mapped(found, points) - mapped(true, points)).T).max())
