"""Tells whether things that differ between two images have moved.

Something put over a picture isn't found in the original, and printed words look alike
in scattered places. But a thing that moved, or that a camera saw from elsewhere, is in
both images: all of it is found at the same offset, at a place that differs, too.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from ambience.core.opencv import opencv
from ambience.overlay.agreement import Agreement, Cells
from ambience.overlay.alignment import AlignedPair, Gray
from ambience.overlay.equalizing import Floats
from ambience.overlay.flatness import PRINT

_SIDE = 2  # cells along a side of a block; smaller blocks are found by chance
_DIFFERING = 0.75  # the share of a block that must differ
_CONTRAST = 2.0  # gray levels per pixel, in each cell of a block
_APART = 2  # cells from one block to the next: blocks don't overlap
_BLOCKS = 16  # blocks that are searched for
_REACH = 160  # pixels: a quarter of an image at working size
_FOUND = 0.85  # the correlation above which a block counts as found
_LIKELY = 0.5  # the correlation above which an offset is tried on all that differs
_OFFSETS = 8  # the likeliest; the blocks of one thing have one offset
_SPREAD = (
    3.0  # gray levels: the standard deviation below which a block is found anywhere
)
_CHANCE = 1 / 120  # of all blocks that differ, and one more, may be found by chance
_SURE = 2  # blocks beyond these can't be
_EVEN = 0.5  # what is less certain than not is taken for chance
_TINY = 1e-3  # rounding errors of shares

_Offset: TypeAlias = tuple[int, int]
"""How far down and across something is found, in pixels at half size."""


def displaced(
    aligned: AlignedPair, seen: Agreement, flat: Floats
) -> tuple[float, float]:
    """Compare the places where two images differ, shifted.

    Args:
        aligned: The two images.
        seen: Where they agree and differ.
        flat: The share of pixels in each cell that are flat in both images.

    Returns:
        How much of what differs is found elsewhere in the image, 0 to 1, and how
        certain it is that something moved, 0 to 1.
    """
    ours, theirs = _halved(aligned.query), _halved(aligned.image)
    found = list(_found(ours, theirs, _blocks(seen), seen.cell))
    well = sum(score > _FOUND for score, _ in found)
    likely = {offset: score for score, offset in sorted(found) if score > _LIKELY}
    offsets = sorted(likely, key=likely.__getitem__, reverse=True)[:_OFFSETS]
    moving = _Differing.of(ours, theirs, seen, flat)
    # Divided by the largest number of blocks, because a few may all be noise.
    return well / _BLOCKS, 0.0 if moving is None else moving.moved(offsets)


def _blocks(seen: Agreement) -> list[tuple[int, int]]:
    """Return the top left cells of differing blocks of the query.

    They are spread over all that differs, which includes what a thing has uncovered.
    """
    rows, columns = (side - _SIDE + 1 for side in seen.differs.shape)
    if rows < 1 or columns < 1:
        return []
    counts = np.zeros((rows, columns), np.intp)
    least = np.full((rows, columns), np.inf, np.float32)
    for down, across in np.ndindex(_SIDE, _SIDE):
        part = (slice(down, down + rows), slice(across, across + columns))
        counts += seen.differs[part]
        least = np.minimum(least, seen.contrast[part])
    at = np.argwhere((counts >= _DIFFERING * _SIDE**2) & (least > _CONTRAST))
    chosen: list[tuple[int, int]] = []
    for row, column in at.tolist():
        if all(max(abs(row - y), abs(column - x)) >= _APART for y, x in chosen):
            chosen.append((row, column))
    if len(chosen) <= _BLOCKS:
        return chosen
    return [chosen[n * len(chosen) // _BLOCKS] for n in range(_BLOCKS)]


def _halved(gray: Gray) -> Gray:
    """Return an image at half size: this is quicker, and hides the finest detail."""
    cv2: Any = opencv()
    height, width = (max(1, side // 2) for side in gray.shape)
    return np.asarray(
        cv2.resize(gray, (width, height), interpolation=cv2.INTER_AREA), np.uint8
    )


def _found(
    here: Gray, there: Gray, blocks: list[tuple[int, int]], cell: int
) -> Iterator[tuple[float, _Offset]]:
    """Yield the best correlation of each block with the other image, and its offset."""
    cv2: Any = opencv()
    side, reach = _SIDE * cell // 2, _REACH // 2
    for row, column in blocks:
        top, left = row * cell // 2, column * cell // 2
        block = here[top : top + side, left : left + side]
        if block.shape != (side, side):  # partly outside, at the border
            continue
        first, start = max(0, top - reach), max(0, left - reach)
        window = there[first : top + side + reach, start : left + side + reach]
        scores = cv2.matchTemplate(window, block, cv2.TM_CCOEFF_NORMED)
        _, best, _, (across, down) = cv2.minMaxLoc(scores)
        yield best, (first + down - top, start + across - left)


@dataclass(frozen=True, slots=True, eq=False)
class _Differing:
    """All that differs and isn't print, at half size.

    Attributes:
        here: The query in a box around it, in whole cells.
        corner: The top and left of this box in what follows, which is as large as the
            image and a margin as wide as things are searched for.
        there: The image.
        inside: 1 inside of the image, 0 in the margin.
        differs: 1 where the two differ.
        cell: The side of a cell.
    """

    here: Floats
    corner: tuple[int, int]
    there: Floats
    inside: Floats
    differs: Floats
    cell: int

    @classmethod
    def of(
        cls, ours: Gray, theirs: Gray, seen: Agreement, flat: Floats
    ) -> "_Differing | None":
        """Return it; ``None`` if it is smaller than a block."""
        cell = seen.cell // 2
        differing = seen.differs & (flat < PRINT)  # letters are in other words, too
        height, width = ours.shape
        at = np.argwhere(differing[: height // cell, : width // cell])
        if len(at) < _DIFFERING * _SIDE**2:
            return None
        top, left = at.min(axis=0) * cell
        bottom, right = (at.max(axis=0) + 1) * cell
        if min(bottom - top, right - left) < _SIDE * cell:
            return None
        pixels = np.kron(differing, np.ones((cell, cell)))[:height, :width]
        margin = _REACH // 2
        there, inside, differs = (
            np.pad(one.astype(np.float32), margin)
            for one in (theirs, np.ones_like(theirs), pixels)
        )
        here = ours[top:bottom, left:right].astype(np.float32)
        corner = int(top) + margin, int(left) + margin
        return cls(here, corner, there, inside, differs, cell)

    def moved(self, offsets: Iterable[_Offset]) -> float:
        """Return how certain it is that something moved by one of these, 0 to 1."""
        blocks = self._differing((0, 0))
        most = max((self._found_at(offset, blocks) for offset in offsets), default=0)
        chance = 1 + _CHANCE * int(blocks.sum())
        certain = (most - chance) / _SURE
        return min(1.0, certain) if certain >= _EVEN else 0.0

    def _found_at(self, offset: _Offset, blocks: Cells) -> int:
        """Return how many of these blocks, which overlap, are found at an offset.

        The image has to differ there, too: something has left that place.
        """
        same = blocks & self._differing(offset)
        there = self._at(offset, self.there)
        same &= _correlation(self.here, there, self.cell) > _FOUND
        inside = _block_means(self._at(offset, self.inside), self.cell)
        return int((same & (inside > 1 - _TINY)).sum())

    def _differing(self, offset: _Offset) -> Cells:
        """Tell of each block whether the images differ at an offset from it."""
        differs = _block_means(self._at(offset, self.differs), self.cell)
        return differs > _DIFFERING - _TINY

    def _at(self, offset: _Offset, pixels: Floats) -> Floats:
        """Return what is at an offset from the box."""
        top, left = self.corner[0] + offset[0], self.corner[1] + offset[1]
        height, width = self.here.shape
        return pixels[top : top + height, left : left + width]


def _block_means(pixels: Floats, cell: int) -> Floats:
    """Return the mean of each block, by its top left cell."""
    cv2: Any = opencv()
    rows, columns = (side // cell for side in pixels.shape)
    cells = cv2.resize(pixels, (columns, rows), interpolation=cv2.INTER_AREA)
    means = (cells[:-1, :-1] + cells[1:, :-1] + cells[:-1, 1:] + cells[1:, 1:]) / 4
    return np.asarray(means, np.float32)


def _correlation(here: Floats, there: Floats, cell: int) -> Floats:
    """Return the correlation of each block of two images; 0 where one is flat."""
    mean, other = _block_means(here, cell), _block_means(there, cell)
    spread = _block_means(here * here, cell) - mean**2
    others = _block_means(there * there, cell) - other**2
    both = _block_means(here * there, cell) - mean * other
    flat = np.minimum(spread, others) < _SPREAD**2
    return np.where(flat, 0, both / np.sqrt(np.maximum(spread * others, 1)))
