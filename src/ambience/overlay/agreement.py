"""Finds the cells in which two aligned images agree or differ.

Edges are compared instead of brightness, because a copy may be brighter, paler or
without color. In each cell, the gradients of both images are correlated, allowing for a
shift of one pixel. Horizontal and vertical gradients are also correlated separately:
lines of different text agree in one direction only. A cell in which neither image has
more than noise says nothing.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ambience.core.opencv import opencv
from ambience.overlay.alignment import AlignedPair
from ambience.overlay.equalizing import Floats, equally_bright, equally_sharp

Cells: TypeAlias = NDArray[np.bool_]
"""Shape ``(rows, columns)``."""

_CELL = 16  # pixels, two letters of print; smaller cells agree by chance
_SMALL_CELL = 8  # pixels, for areas in which few cells of 16 pixels fit
_SMALL = 128  # pixels: areas with a shorter side below this get small cells
_REACH = 1  # pixels by which a cell may be off from where geometry places it
_SEEN = 0.95  # the share of a cell that both images must show

_AGREES = 0.6  # copies reach 0.9 whatever the edit; different text 0.3 on average
_DIFFERS = 0.4
_PART = 0.15  # the share of a cell's contrast that makes a direction count

_CONTRAST = 2.0  # gray levels per pixel; paper and sky have less in JPEGs
_MOST_CONTRAST = 8.0  # however noisy an image is, this is enough
_OVER_NOISE = 1.8  # times the noise: from there on, edges outweigh it
_QUIET = 1.0  # gray levels per pixel: below this, an image is blank
_LOW = 0.25  # the share of cells, those with the least contrast, that show the noise
_TINY = 1e-6  # avoids a division by zero


@dataclass(frozen=True, slots=True, eq=False)
class Agreement:
    """Where two images agree.

    Attributes:
        cell: The side of a cell, in pixels of the aligned images.
        common: The cells that both images show.
        telling: The common cells in which an image has more than noise.
        agrees: The telling cells in which both images show the same.
        differs: The telling cells in which they don't; the rest are undecided.
        contrast: Of the query, gray levels per pixel, shape ``(rows, columns)``.
        image_contrast: The same for the image.
    """

    cell: int
    common: Cells
    telling: Cells
    agrees: Cells
    differs: Cells
    contrast: Floats
    image_contrast: Floats

    def within(self, cells: Cells) -> "Agreement":
        """Return the same without what is outside of these cells."""
        return replace(
            self,
            common=self.common & cells,
            telling=self.telling & cells,
            agrees=self.agrees & cells,
            differs=self.differs & cells,
        )


def agreement(aligned: AlignedPair) -> Agreement:
    """Compare the common area of two images, cell by cell."""
    cell = _CELL if min(aligned.query.shape) >= _SMALL else _SMALL_CELL
    seen = _compared(aligned, cell)
    if not seen.differs.any():
        return seen
    as_bright = equally_bright(aligned, seen.agrees, cell)
    return seen if as_bright is None else _compared(as_bright, cell)


def _compared(aligned: AlignedPair, cell: int) -> Agreement:
    common = _common(aligned, cell)
    sharp = equally_sharp(aligned.query, aligned.image)
    ours, theirs = (_Edges.of(smooth, common, cell) for smooth in sharp)
    likeness = _likeness(ours, theirs, cell)
    seen = _means(common, cell) >= _SEEN
    here, there = ours.contrast(), theirs.contrast()
    noise = max(_noise(here[seen], there[seen]), _noise(there[seen], here[seen]))
    least = min(max(_CONTRAST, _OVER_NOISE * noise), _MOST_CONTRAST)
    telling = seen & (np.maximum(here, there) > least)
    return Agreement(
        cell,
        seen,
        telling,
        telling & (likeness >= _AGREES),
        telling & (likeness < _DIFFERS),
        here,
        there,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Edges:
    """The gradients across and down, and the means of their squares in each cell."""

    across: Floats
    down: Floats
    power_across: Floats
    power_down: Floats

    @classmethod
    def of(cls, smooth: Floats, common: Floats, cell: int) -> "_Edges":
        height, width = smooth.shape
        across, down = np.zeros_like(common), np.zeros_like(common)
        across[:height, 1 : width - 1] = (smooth[:, 2:] - smooth[:, :-2]) / 2
        down[1 : height - 1, :width] = (smooth[2:] - smooth[:-2]) / 2
        across *= common
        down *= common
        squares = across * across, down * down
        return cls(across, down, *(_means(one, cell) for one in squares))

    def contrast(self) -> Floats:
        power = self.power_across + self.power_down
        return np.asarray(np.sqrt(power), np.float32)

    def shifted(self, cell: int) -> Iterator["_Edges"]:
        """Yield the edges shifted by up to `_REACH` pixels in each direction.

        There are no edges outside of the image.
        """
        cv2: Any = opencv()
        border = (_REACH, _REACH, _REACH, _REACH, cv2.BORDER_CONSTANT)
        edges = [cv2.copyMakeBorder(one, *border) for one in (self.across, self.down)]
        squares = [one * one for one in edges]
        height, width = self.across.shape
        for top, left in np.ndindex(2 * _REACH + 1, 2 * _REACH + 1):
            part = slice(top, top + height), slice(left, left + width)
            across, down = (one[part] for one in edges)
            yield _Edges(across, down, *(_means(one[part], cell) for one in squares))


def _common(aligned: AlignedPair, cell: int) -> Floats:
    """Return 1 where both images have pixels, except at their borders.

    The array is padded with zeros to whole cells.
    """
    cv2: Any = opencv()
    height, width = aligned.common.shape
    rows, columns = -(-height // cell), -(-width // cell)
    common = np.zeros((rows * cell, columns * cell), np.float32)
    around = np.ones((3, 3), np.uint8)
    inner = cv2.erode(
        aligned.common, around, borderType=cv2.BORDER_CONSTANT, borderValue=0
    )
    common[:height, :width] = inner > 0
    return common


def _means(pixels: Floats, cell: int) -> Floats:
    """Return the mean of each cell."""
    cv2: Any = opencv()
    rows, columns = pixels.shape[0] // cell, pixels.shape[1] // cell
    size = columns, rows
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))


def _likeness(ours: _Edges, theirs: _Edges, cell: int) -> Floats:
    """Return how well each cell correlates at the best shift, -1 to 1."""
    best: Floats = np.full(ours.power_across.shape, -np.inf, np.float32)
    likeness = np.zeros_like(best)
    for other in theirs.shifted(cell):
        both, least = _correlated(ours, other, cell)
        better = both > best
        best[better], likeness[better] = both[better], least[better]
    return likeness


def _correlated(ours: _Edges, theirs: _Edges, cell: int) -> tuple[Floats, Floats]:
    """Return the correlation of edges, and that in the direction where it is lower.

    A direction in which neither image has many edges doesn't count.
    """
    products = [
        _means(a * b, cell)
        for a, b in ((ours.across, theirs.across), (ours.down, theirs.down))
    ]
    powers = [
        (ours.power_across, theirs.power_across),
        (ours.power_down, theirs.power_down),
    ]
    here = ours.power_across + ours.power_down + _TINY
    there = theirs.power_across + theirs.power_down + _TINY
    both = np.asarray((products[0] + products[1]) / np.sqrt(here * there), np.float32)
    least = both
    for product, (a, b) in zip(products, powers, strict=True):
        counts = np.maximum(a / here, b / there) > _PART
        alone = product / (np.sqrt(a * b) + _TINY)
        least = np.where(counts, np.minimum(least, alone), least).astype(np.float32)
    return both, least


def _noise(contrast: Floats, other: Floats) -> float:
    """Return the contrast of an image where the other one has little."""
    if not len(other):
        return 0.0
    quiet = other <= max(_QUIET, float(np.quantile(other, _LOW)))
    more = contrast[quiet] ** 2 - other[quiet] ** 2
    return math.sqrt(max(0.0, float(np.median(more))))
