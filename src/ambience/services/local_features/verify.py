"""Shows that a part of one image is a part of another, and where each lies.

Pairs of keypoints that agree give a similarity, an affine transform or a homography,
the simplest that explains them; it has to keep what it maps recognizable.
"""

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ambience.core.geometry import (
    Matrix,
    Points,
    Size,
    area,
    clipped,
    mapped,
    outline,
    stretch,
    within,
)
from ambience.core.keypoints import Keypoints
from ambience.service.keypoints import Placement
from ambience.services.local_features.fitting import fits
from ambience.services.local_features.matching import Pairs, Side, agreeing, matched

_WORKING = 512  # sides in which errors are measured: those of a stored image
_NEAR = 3.0  # of these pixels: as far as a keypoint lies from where it should
_GAIN = 1.1  # times as good a fit makes up for a transform that bends more

_MAX_SCALE = 64.0  # of sides: a thumbnail of 64 pixels in a screen is at 20
_MAX_STRETCH = 3.0  # of one direction against the other, and as a shear
_MAX_PERSPECTIVE = 4.0  # of areas at one corner against another
_FLAT = 1e-9  # a determinant that takes everything to a line
_MIN_WIDTH = 0.02  # of the length of what inliers cover: less is a line

_MIN_SHARE = 0.05  # of the keypoints that both should have: the worst copies that are
# found share 0.09 of them, two photographs of one tiger 0.03
_SMALLEST = 0.1  # the share of an image's keypoints too small to be relied on

_SURE = 8.0  # powers of ten below one false alarm where the claim is even
_WIDTH = 0.7
_FEWEST = 5  # places that agree: four do in drawings that share their shapes
_HOPELESS = -4.0  # the claim is then not worth its geometry


class GeometryVerifier:
    """Compares two images by the keypoints that are stored of them."""

    def prepared(self, keypoints: Keypoints) -> Side:
        """See `Verifier.prepared`."""
        return Side.of(keypoints)

    def placed(self, query: Side, image: Side) -> Placement | None:
        """See `Verifier.placed`."""
        return verify(query, image)


def verify(query: Side, image: Side) -> Placement | None:
    """Return where two images show the same; ``None`` if nowhere, as far as is seen."""
    pairs = matched(query, image)
    agreement = agreeing(query, image, pairs)
    if agreement.chance > _HOPELESS or agreement.places < _FEWEST:
        return None
    confidence = 0.5 - 0.5 * np.tanh((agreement.chance + _SURE) / (2 * _WIDTH))
    ours, theirs = agreement.pairs.T
    best, best_fit = None, 0.0
    for matrix in fits(_points(query)[ours], _points(image)[theirs], near=_NEAR):
        transform = _in_pixels(matrix, query, image)
        near, fit = _explained(transform, query, image, pairs)
        if best is None or fit >= _GAIN * best_fit:
            placed = _placed(query, image, transform, pairs[near])
            if placed is not None:
                best, best_fit = placed, fit
    if best is None:
        return None
    return replace(best, matches=len(pairs), confidence=float(confidence))


def _points(side: Side) -> Points:
    """Return places in pixels of the working size."""
    scaled = side.keypoints.places * (_WORKING / max(side.keypoints.size))
    return np.asarray(scaled, np.float64)


def _in_pixels(transform: Matrix, query: Side, image: Side) -> Matrix:
    """Return a transform of working sizes as one of pixels as displayed."""
    into = _WORKING / max(query.keypoints.size)
    out = max(image.keypoints.size) / _WORKING
    full = stretch(out, out) @ transform @ stretch(into, into)
    return np.asarray(full / full[2, 2], np.float64)


def _explained(
    transform: Matrix, query: Side, image: Side, pairs: Pairs
) -> tuple[NDArray[np.bool_], float]:
    """Return which pairs a transform explains, and how well.

    A pair counts 1 where it meets exactly, and less towards `_NEAR`: the bare count
    takes an affine transform for a mild perspective.
    """
    here = query.keypoints.places[pairs[:, 0]]
    away = mapped(transform, here) - image.keypoints.places[pairs[:, 1]]
    off = np.hypot(*away.T) * (_WORKING / (_NEAR * max(image.keypoints.size)))
    return off < 1, float(np.maximum(0, 1 - off * off).sum())


def _placed(
    query: Side, image: Side, transform: Matrix, inliers: Pairs
) -> Placement | None:
    """Return what a transform and its inliers say; ``None`` if that can't be."""
    here = query.keypoints.places[inliers[:, 0]]
    there = image.keypoints.places[inliers[:, 1]]
    regions = _regions(transform, query.keypoints.size, image.keypoints.size)
    if regions is None or not (_spread_out(here) and _spread_out(there)):
        return None
    in_query, in_image = regions
    jacobian = _jacobian(transform, in_query.mean(axis=0))
    scale = float(np.sqrt(np.linalg.det(jacobian)))
    visible = min(
        _visible(query.keypoints, in_query, image.keypoints, scale),
        _visible(image.keypoints, in_image, query.keypoints, 1 / scale),
    )
    if len(inliers) < _MIN_SHARE * visible:
        return None
    sine, cosine = jacobian[1, 0] - jacobian[0, 1], jacobian[0, 0] + jacobian[1, 1]
    return Placement(
        transform=transform,
        matches=len(inliers),
        query_points=here,
        image_points=there,
        query_region=in_query,
        image_region=in_image,
        query_overlap=min(1.0, area(in_query) / math.prod(query.keypoints.size)),
        image_overlap=min(1.0, area(in_image) / math.prod(image.keypoints.size)),
        scale=scale,
        rotation=float(np.arctan2(sine, cosine)),
        confidence=0.0,
    )


def _visible(
    keypoints: Keypoints, region: Points, other: Keypoints, scale: float
) -> int:
    """Return how many keypoints of a region the other image should have as well.

    Args:
        keypoints: Of one image.
        region: What it has in common with the other.
        other: Of the other image.
        scale: Its pixels for one of the first.
    """
    smallest = np.quantile(other.scales, _SMALLEST)
    seen = within(keypoints.places, region) & (keypoints.scales * scale >= smallest)
    return int(np.count_nonzero(seen))


def _spread_out(points: Points) -> bool:
    """Tell whether points are not all at one place or on one line."""
    if len(points) < 3:  # noqa: PLR2004 -- two are always on a line
        return False
    length, width = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)
    return bool(length > 0 and width >= _MIN_WIDTH * length)


def _regions(
    transform: Matrix, query: Size, image: Size
) -> tuple[Points, Points] | None:
    """Return what is common, in both images; ``None`` if that can't be."""
    if abs(np.linalg.det(transform)) < _FLAT:
        return None
    back = np.linalg.inv(transform).astype(np.float64)
    # What lies far outside may be beyond a horizon: one way round, it does not matter.
    if _in_front(transform, outline(query)):
        in_image = clipped(mapped(transform, outline(query)), image)
        in_query = mapped(back, in_image)
    elif _in_front(back, outline(image)):
        in_query = clipped(mapped(back, outline(image)), query)
        in_image = mapped(transform, in_query)
    else:
        return None
    if not area(in_image) or not area(in_query):
        return None
    if not _keeps_shape(transform, in_query, max(query) / max(image)):
        return None
    return in_query, in_image


def _in_front(transform: Matrix, points: Points) -> bool:
    """Tell whether no point is taken to the horizon or beyond."""
    depth = np.column_stack([points, np.ones(len(points))]) @ transform[2]
    depth = depth / transform[2, 2]
    return bool((depth > 1 / _MAX_PERSPECTIVE).all())


def _keeps_shape(transform: Matrix, region: Points, sides: float) -> bool:
    """Tell whether a transform does to a region what may be done to a copy.

    Args:
        transform: Of pixels.
        region: Shape ``(n, 2)``.
        sides: The longest side of the query, in those of the image.
    """
    areas = []
    for point in np.vstack([region, region.mean(axis=0)]):
        jacobian = _jacobian(transform, point)
        if np.linalg.det(jacobian) <= 0:  # folded over: mirrored ones come mirrored
            return False
        most, least = np.linalg.svd(jacobian, compute_uv=False)
        if most > _MAX_STRETCH * least:
            return False
        areas.append(most * least)
    scale = np.sqrt(areas[-1]) * sides
    return bool(
        max(areas) <= _MAX_PERSPECTIVE * min(areas)
        and 1 / _MAX_SCALE <= scale <= _MAX_SCALE
    )


def _jacobian(transform: Matrix, point: NDArray[np.float64]) -> Matrix:
    """Return how a homography moves what is around a point, shape ``(2, 2)``."""
    x, y, w = transform @ (*point, 1)
    moved = transform[:2, :2] - np.outer((x / w, y / w), transform[2, :2])
    return np.asarray(moved / w, np.float64)
