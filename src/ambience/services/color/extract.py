"""A color histogram: which share of an image falls into each of 8 x 8 x 8 RGB cells."""

from collections.abc import Sequence

import numpy as np

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
WHOLE = 65_535  # shares are whole parts of it: they fit 16 bits and sum up exactly

_CELL_BITS = 5  # 256 levels in 8 cells: the upper three bits say which


class ColorExtractor:
    """One histogram of 512 shares per image, compared by L1, 0 to 2."""

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

    Fully transparent pixels don't count; where all are, the image is the white page
    that people see. The shares sum to `WHOLE` exactly: what rounding down leaves goes
    to the cells that lost most (largest remainders), ties to the lower cell.
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
