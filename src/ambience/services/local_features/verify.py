"""Finds where two images show the same, from their keypoints.

Matches that agree define the simplest transform that explains them: a similarity, an
affine transform or a homography. It must keep the region recognizable.
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
    extent,
    mapped,
    outline,
    stretch,
    within,
)
from ambience.core.keypoints import Keypoints
from ambience.service.keypoints import Placement
from ambience.services.local_features.matching import (
    Pairs,
    PreparedKeypoints,
    consensus,
    matched,
)
from ambience.services.local_features.transforms import candidate_transforms

_WORKING = 512  # extent, in pixels, for measuring errors: that of a stored image
_NEAR = 3.0  # the largest error of an inlier, in these pixels
_GAIN = 1.1  # a less simple transform must fit this many times better

_MAX_SCALE = 64.0  # ratio of sides: a thumbnail of 64 pixels in a screenshot has 20
_MAX_STRETCH = 3.0  # ratio of the scales in two directions; also limits shear
_MAX_PERSPECTIVE = 4.0  # ratio of the area scales at two corners
_FLAT = 1e-9  # a smaller determinant maps everything to a line
_ON_A_LINE = 2  # points always are
_MIN_WIDTH = 0.02  # of the length of the inliers' extent: less is a line

# Of the keypoints that both images should have. The worst copies that are found share
# 0.09 of them, two photographs of one tiger 0.03.
_MIN_SHARE = 0.05
_SMALLEST = 0.1  # share of an image's keypoints that are too small to be reliable

_SURE = 8.0  # the confidence is 0.5 at 10 ** -8 expected false alarms
_WIDTH = 0.7  # in powers of ten, over which the confidence changes
_FEWEST = 5  # places that agree: drawings with common shapes reach four
_HOPELESS = -4.0  # with more false alarms, as a power of ten, geometry is not tried


class GeometryVerifier:
    """Compares two images by their keypoints."""

    def prepared(self, keypoints: Keypoints) -> PreparedKeypoints:
        """See `Verifier.prepared`."""
        return PreparedKeypoints.of(keypoints)

    def placed(
        self, query: PreparedKeypoints, image: PreparedKeypoints
    ) -> Placement | None:
        """See `Verifier.placed`."""
        return verify(query, image)


def verify(query: PreparedKeypoints, image: PreparedKeypoints) -> Placement | None:
    """Return where two images show the same, or ``None`` if that is not certain."""
    pairs = matched(query, image)
    agreed = consensus(query, image, pairs)
    if agreed.chance > _HOPELESS or agreed.places < _FEWEST:
        return None
    confidence = 0.5 - 0.5 * np.tanh((agreed.chance + _SURE) / (2 * _WIDTH))
    ours, theirs = agreed.pairs.T
    best, best_fit = None, 0.0
    for matrix in candidate_transforms(
        _points(query)[ours], _points(image)[theirs], near=_NEAR
    ):
        transform = _in_pixels(matrix, query, image)
        near, fit = _explained(transform, query, image, pairs)
        if best is None or fit >= _GAIN * best_fit:
            placed = _placed(query, image, transform, pairs[near])
            if placed is not None:
                best, best_fit = placed, fit
    if best is None:
        return None
    return replace(best, matches=len(pairs), confidence=float(confidence))


def _points(side: PreparedKeypoints) -> Points:
    """Return places in pixels of the working size."""
    scaled = side.keypoints.places * (_WORKING / extent(side.keypoints.size))
    return np.asarray(scaled, np.float64)


def _in_pixels(
    transform: Matrix, query: PreparedKeypoints, image: PreparedKeypoints
) -> Matrix:
    """Convert a transform between working sizes to pixels as displayed."""
    into = _WORKING / extent(query.keypoints.size)
    out = extent(image.keypoints.size) / _WORKING
    full = stretch(out, out) @ transform @ stretch(into, into)
    return np.asarray(full / full[2, 2], np.float64)


def _explained(
    transform: Matrix, query: PreparedKeypoints, image: PreparedKeypoints, pairs: Pairs
) -> tuple[NDArray[np.bool_], float]:
    """Return which matches a transform explains, and how well.

    An exact match counts 1, and less towards an error of `_NEAR`. The mere number of
    inliers would prefer an affine transform to a mild perspective.
    """
    here = query.keypoints.places[pairs[:, 0]]
    away = mapped(transform, here) - image.keypoints.places[pairs[:, 1]]
    off = np.hypot(*away.T) * (_WORKING / (_NEAR * extent(image.keypoints.size)))
    return off < 1, float(np.maximum(0, 1 - off * off).sum())


def _placed(
    query: PreparedKeypoints,
    image: PreparedKeypoints,
    transform: Matrix,
    inliers: Pairs,
) -> Placement | None:
    """Return the placement by a transform; ``None`` if it is implausible."""
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
    """Return how many keypoints of a region the other image should have too.

    Args:
        keypoints: The keypoints of one image.
        region: The outline of the common region in that image.
        other: The keypoints of the other image.
        scale: Size of a pixel of the one in the other, in pixels along a side.
    """
    smallest = np.quantile(other.scales, _SMALLEST)
    seen = within(keypoints.places, region) & (keypoints.scales * scale >= smallest)
    return int(np.count_nonzero(seen))


def _spread_out(points: Points) -> bool:
    """Return whether points are neither at one place nor on one line."""
    if len(points) <= _ON_A_LINE:
        return False
    length, width = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)
    return bool(length > 0 and width >= _MIN_WIDTH * length)


def _regions(
    transform: Matrix, query: Size, image: Size
) -> tuple[Points, Points] | None:
    """Return the common region in both images; ``None`` if it is implausible."""
    if abs(np.linalg.det(transform)) < _FLAT:
        return None
    back = np.linalg.inv(transform).astype(np.float64)
    # Points far outside may be beyond the horizon in one direction only.
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
    if not _keeps_shape(transform, in_query, extent(query) / extent(image)):
        return None
    return in_query, in_image


def _in_front(transform: Matrix, points: Points) -> bool:
    """Return whether a transform maps no point to the horizon or beyond."""
    depth = np.column_stack([points, np.ones(len(points))]) @ transform[2]
    depth = depth / transform[2, 2]
    return bool((depth > 1 / _MAX_PERSPECTIVE).all())


def _keeps_shape(transform: Matrix, region: Points, sides: float) -> bool:
    """Return whether a transform distorts a region no more than copies do.

    Args:
        transform: From pixels of the query to pixels of the image.
        region: Outline in the query, shape ``(n, 2)``.
        sides: The extent of the query divided by that of the image.
    """
    areas = []
    for point in np.vstack([region, region.mean(axis=0)]):
        jacobian = _jacobian(transform, point)
        # A reflection: mirrored queries are compared as a variant of their own.
        if np.linalg.det(jacobian) <= 0:
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
    """Return the Jacobian of a homography at a point, shape ``(2, 2)``."""
    x, y, w = transform @ (*point, 1)
    moved = transform[:2, :2] - np.outer((x / w, y / w), transform[2, :2])
    return np.asarray(moved / w, np.float64)
