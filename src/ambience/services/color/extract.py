"""A color histogram: the share of an image in each of 8 x 8 x 8 RGB cells.

Histograms are compared by the Hellinger distance (Hellinger 1909): the L2 distance of
the square roots of the shares, divided by the square root of 2, so 0 to 1. Stored
rows hold the roots, which any engine compares by L2; for L1, their squares are used.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ambience.core.features import (
    WORKING_SIDE,
    Feature,
    FeatureSpec,
    Image,
    Metric,
    Query,
    Rows,
)

CELLS = 8  # per channel
BINS = CELLS**3
WHOLE = 65_535  # shares are integers that sum to it, so they fit 16 bits exactly

_CELL_BITS = 5  # 256 levels in 8 cells: the upper three bits are the cell
_MOST_BITS = math.log2(BINS)  # of entropy, if all cells have equal shares


class HellingerExtractor:
    """The square roots of 512 shares per image, compared by the Hellinger distance."""

    spec = FeatureSpec(
        dim=BINS,
        dtype="uint16",
        metric=Metric.L2,
        version=2,
        scale=WHOLE * math.sqrt(2),
    )
    working_side = WORKING_SIDE

    def extract(self, images: Sequence[Image]) -> list[Feature]:
        """See `Extractor.extract`."""
        histograms = map(color_histogram, images)
        return [Feature(roots(own)[None], variety(own)) for own in histograms]

    def query(self, image: Image) -> Query:
        """See `Extractor.query`."""
        own = color_histogram(image)
        return Query(roots(own)[None], quality=variety(own))

    def query_from(self, feature: Feature) -> Query:
        """See `Extractor.query_from`."""
        return Query(feature.rows, quality=feature.quality)


class L1Extractor:
    """512 shares per image, compared by L1, 0 to 2, as in the original."""

    spec = FeatureSpec(dim=BINS, dtype="uint16", metric=Metric.L1, scale=WHOLE)
    working_side = WORKING_SIDE

    def extract(self, images: Sequence[Image]) -> list[Feature]:
        """See `Extractor.extract`."""
        return [Feature(color_histogram(image)[None]) for image in images]

    def query(self, image: Image) -> Query:
        """See `Extractor.query`."""
        return Query(color_histogram(image)[None])

    def query_from(self, feature: Feature) -> Query:
        """See `Extractor.query_from`."""
        return Query(feature.rows)


def color_histogram(image: Image) -> Rows:
    """Return the shares of the color cells, shape ``(512,)``, ``uint16``.

    Fully transparent pixels don't count, unless all are: then the image is the white
    page that people see. The shares are rounded to sum to `WHOLE` exactly, by largest
    remainders; ties go to the lower cell.
    """
    cells = (image.pixels >> _CELL_BITS).astype(np.uint16)
    cell = (cells[..., 0] * CELLS + cells[..., 1]) * CELLS + cells[..., 2]
    if image.alpha is not None and image.alpha.any():
        cell = cell[image.alpha > 0]
    counts = np.bincount(cell.ravel(), minlength=BINS)
    shares, remainders = np.divmod(counts * WHOLE, counts.sum())
    missing = WHOLE - int(shares.sum())
    shares[np.argsort(-remainders, kind="stable")[:missing]] += 1
    return shares.astype(np.uint16)


def roots(shares: Rows) -> Rows:
    """Return the square roots of shares, scaled to `WHOLE` and rounded."""
    return np.rint(np.sqrt(shares * np.float64(WHOLE))).astype(np.uint16)


def shares_of(rows: Rows) -> NDArray[np.float64]:
    """Return the shares for rows of roots, shape ``(n, 512)``; each row sums to 1.

    The error of a share is at most 0.002 % of the image.
    """
    shares = rows.astype(np.float64)
    shares *= shares
    shares /= shares.sum(axis=1, keepdims=True)
    return shares


def l1_distances(query: Rows, rows: Rows) -> NDArray[np.float64]:
    """Return the L1 distances of the shares whose roots these are, 0 to 2.

    Args:
        query: Shape ``(1, 512)``.
        rows: Shape ``(n, 512)``.

    Returns:
        Shape ``(n,)``.
    """
    apart = shares_of(rows)
    apart -= shares_of(query)
    distances: NDArray[np.float64] = np.abs(apart, out=apart).sum(axis=1)
    return distances


def variety(shares: Rows) -> float:
    """Return the entropy of a histogram, 0 (one color) to 1 (all colors alike)."""
    own: NDArray[Any] = shares[shares > 0] / WHOLE
    return max(0.0, float(-(own * np.log2(own)).sum()) / _MOST_BITS)
