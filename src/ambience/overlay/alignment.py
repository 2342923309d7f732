"""Warps one image onto another, so that both show the same thing at the same place."""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ambience.core.features import Image
from ambience.core.geometry import (
    Matrix,
    Points,
    clipped,
    mapped,
    outline,
    shift,
    stretch,
)
from ambience.core.opencv import opencv

Gray: TypeAlias = NDArray[np.uint8]
"""Shape ``(height, width)``."""

_SMALLEST = 24  # pixels of a side; with less, there is nothing to compare
_FINER = 1.2  # image pixels per frame pixel: from there on, they are averaged
_CENTER = 0.5  # OpenCV counts from the center of the first pixel, we from its corner


@dataclass(frozen=True, slots=True, eq=False)
class AlignedPair:
    """The common area of two images, as each of them shows it.

    Attributes:
        query: The area in the query, at the resolution of the coarser image.
        image: The area in the image, at the same places.
        common: Which pixels both show, shape ``(height, width)``, ``uint8``, 0 or 255.
        placed: Maps pixels of these to pixels of the query, as displayed.
    """

    query: Gray
    image: Gray
    common: Gray
    placed: Matrix


def aligned(query: Image, image: Image, transform: Matrix) -> AlignedPair | None:
    """Warp an image onto a query.

    Args:
        query: At a working size.
        image: At a working size.
        transform: Maps pixels of the query to pixels of the image, both as displayed.

    Returns:
        ``None`` if their common area is too small.
    """
    there = _in_working_pixels(transform, query, image)
    box = _box(there, query, image)
    if box is None:
        return None
    left, top, right, bottom = box
    scale = _scale_at(there, ((left + right) / 2, (top + bottom) / 2))
    # Nothing is enlarged: both get the resolution of the coarser image.
    width = round((right - left) * min(1.0, scale))
    height = round((bottom - top) * min(1.0, scale))
    if min(width, height) < _SMALLEST:
        return None
    cv2 = opencv()
    ours = _gray(query)[top:bottom, left:right]
    if scale < 1:
        ours = cv2.resize(ours, (width, height), interpolation=cv2.INTER_AREA)
    within = shift(left, top) @ stretch((right - left) / width, (bottom - top) / height)
    theirs, common = _warped(_gray(image), there @ within, (width, height), scale)
    shown, worked = query.size, query.pixels.shape
    out = stretch(shown[1] / worked[1], shown[0] / worked[0])
    return AlignedPair(ours, theirs, common, out @ within)


def _gray(image: Image) -> Gray:
    cv2 = opencv()
    return np.asarray(cv2.cvtColor(image.pixels, cv2.COLOR_RGB2GRAY), np.uint8)


def _in_working_pixels(transform: Matrix, query: Image, image: Image) -> Matrix:
    """Convert a transform between pixels as displayed to one between working pixels."""
    (height, width), worked = query.size, query.pixels.shape
    out = stretch(width / worked[1], height / worked[0])
    (height, width), worked = image.size, image.pixels.shape
    into = stretch(worked[1] / width, worked[0] / height)
    return np.asarray(into @ transform @ out, np.float64)


def _box(there: Matrix, query: Image, image: Image) -> tuple[int, int, int, int] | None:
    """Return the bounding box, in the query, of the area that the image shows."""
    height, width, _ = query.pixels.shape
    try:
        back = np.linalg.inv(there).astype(np.float64)
    except np.linalg.LinAlgError:
        return None
    corners = _homogeneous(outline(image.pixels.shape[:2])) @ back.T
    if (corners[:, 2] <= 0).any():  # beyond a horizon: all of the query
        region: Points = outline((height, width))
    else:
        region = clipped(corners[:, :2] / corners[:, 2:], (height, width))
    if not len(region):
        return None
    left, top = np.floor(region.min(axis=0)).astype(int).tolist()
    right, bottom = np.ceil(region.max(axis=0)).astype(int).tolist()
    if right - left < _SMALLEST or bottom - top < _SMALLEST:
        return None
    return left, top, right, bottom


def _homogeneous(points: Points) -> NDArray[np.float64]:
    return np.column_stack([points, np.ones(len(points))])


def _scale_at(there: Matrix, point: tuple[float, float]) -> float:
    """Return the side of a query pixel in pixels of the image."""
    near = np.array([point, (point[0] + 1, point[1]), (point[0], point[1] + 1)])
    middle, right, below = mapped(there, near)
    sides = np.stack([right - middle, below - middle])
    return float(np.sqrt(abs(np.linalg.det(sides))))


def _warped(
    image: Gray, there: Matrix, size: tuple[int, int], scale: float
) -> tuple[Gray, Gray]:
    """Return an image warped into a frame, and which pixels of the frame it covers."""
    cv2: Any = opencv()
    if scale > _FINER:  # the warp would skip pixels: average them first
        height, width = (max(1, round(side / scale)) for side in image.shape)
        into = stretch(width / image.shape[1], height / image.shape[0])
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        there = into @ there
    centers = shift(-_CENTER, -_CENTER) @ there @ shift(_CENTER, _CENTER)
    seen = cv2.warpPerspective(
        image,
        centers,
        size,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    common = cv2.warpPerspective(
        np.full(image.shape, 255, np.uint8),
        centers,
        size,
        flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP,
    )
    return seen, common
