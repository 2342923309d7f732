"""Tells whether what differs between two images moved from one to the other.

What was put over a picture is nowhere in the original, and words of one type are like
other words here and there. A thing that moved, and what a camera sees from elsewhere,
is in both: all of it is found the same way off, where the other image differs, too.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from ambience.core.opencv import opencv
from ambience.overlay.agreement import Agreement
from ambience.overlay.alignment import Aligned, Gray
from ambience.overlay.equalizing import Floats

_SIDE = 2  # cells of a block: enough that it is not found by chance
_DIFFERING = 0.75  # of its cells, at least
_CONTRAST = 2.0  # gray levels a pixel, in each of its cells
_APART = 2  # cells from block to block: they don't overlap
_BLOCKS = 16  # as many as are looked for
_REACH = 160  # pixels: a quarter of an image at working size
_FOUND = 0.85  # as well as that it correlates
_LIKELY = 0.5  # as little as that, it may be part found
_TINY = 1e-3
_FEW = 1  # blocks that moved one way: may be chance, as blocks overlap
_SURE = 3  # are none
_FLAT = 0.4  # of a cell's pixels: print has more, photographs less
_WAYS = 8  # the likeliest; things that moved one way have many blocks
_SPREAD = 3.0  # gray levels: flatter blocks are found anywhere

_Way: TypeAlias = tuple[int, int]
"""How far off something is, down and across, in pixels of half the size."""


def displaced(aligned: Aligned, seen: Agreement, flat: Floats) -> tuple[float, float]:
    """Return how much of what differs the image has elsewhere, or its like.

    And how sure it is that something moved. Both are 0 to 1.

    Args:
        aligned: Both images.
        seen: Where they agree.
        flat: The share of each cell's pixels around which nothing changes.
    """
    ours, theirs = _halved(aligned.query), _halved(aligned.image)
    found = list(_found(ours, theirs, _blocks(seen), seen.cell))
    well = sum(score > _FOUND for score, _ in found)
    likely = {way: score for score, way in sorted(found) if score > _LIKELY}
    ways = sorted(likely, key=likely.__getitem__, reverse=True)[:_WAYS]
    moving = _Moving.of(ours, theirs, seen, flat)
    moved = 0 if moving is None else max(map(moving.along, ways), default=0)
    # Of as many as are looked for: few that differ may all be noise.
    return well / _BLOCKS, min(1.0, max(0, moved - _FEW) / (_SURE - _FEW))


def _blocks(seen: Agreement) -> list[tuple[int, int]]:
    """Return the first row and column of blocks of the query that differ.

    They are spread over all that differs: a thing and what it uncovered both are in it.
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
    """Return an image of half the size: quicker, and blind to the finest detail."""
    cv2: Any = opencv()
    height, width = (max(1, side // 2) for side in gray.shape)
    return np.asarray(
        cv2.resize(gray, (width, height), interpolation=cv2.INTER_AREA), np.uint8
    )


def _found(
    here: Gray, there: Gray, blocks: list[tuple[int, int]], cell: int
) -> Iterator[tuple[float, _Way]]:
    """Yield how well each block of an image is found in the other, and how far off."""
    cv2: Any = opencv()
    side, reach = _SIDE * cell // 2, _REACH // 2
    for row, column in blocks:
        top, left = row * cell // 2, column * cell // 2
        block = here[top : top + side, left : left + side]
        if block.shape != (side, side):  # at the edge: not all of it is there
            continue
        first, start = max(0, top - reach), max(0, left - reach)
        window = there[first : top + side + reach, start : left + side + reach]
        scores = cv2.matchTemplate(window, block, cv2.TM_CCOEFF_NORMED)
        _, best, _, (across, down) = cv2.minMaxLoc(scores)
        yield best, (first + down - top, start + across - left)


@dataclass(frozen=True, slots=True, eq=False)
class _Moving:
    """What may have moved, in a box around all that differs, at half the size.

    Attributes:
        here: The box of the query, in whole cells.
        there: All of the image.
        differs: 1 where the pixels of the image's size differ and are no print.
        corner: First row and column of the box.
        cell: Sides of a cell.
    """

    here: Floats
    there: Floats
    differs: Floats
    corner: tuple[int, int]
    cell: int

    @classmethod
    def of(
        cls, ours: Gray, theirs: Gray, seen: Agreement, flat: Floats
    ) -> "_Moving | None":
        """Return it; ``None`` if there is no block of it."""
        cell = seen.cell // 2
        # Letters are found in other words, too: only what is no print is seen to move.
        differing = seen.differs & (flat < _FLAT)
        rows, columns = (side // cell for side in ours.shape)
        at = np.argwhere(differing[:rows, :columns])
        if len(at) < _DIFFERING * _SIDE**2:
            return None
        (top, left), (bottom, right) = (
            at.min(axis=0) * cell,
            (at.max(axis=0) + 1) * cell,
        )
        if min(bottom - top, right - left) < _SIDE * cell:
            return None
        height, width = ours.shape
        pixels = np.kron(differing, np.ones((cell, cell), np.float32))
        return cls(
            ours[top:bottom, left:right].astype(np.float32),
            theirs.astype(np.float32),
            np.asarray(pixels[:height, :width], np.float32),
            (int(top), int(left)),
            cell,
        )

    def along(self, way: _Way) -> int:
        """Return how many blocks are the same, once they are moved one way.

        Where they then are, the image has to differ, too: something left there.
        """
        (top, left), (high, wide) = self.corner, self.here.shape
        box = (top, left, high, wide)
        there, inside = _cut(self.there, box, way)
        leaves, _ = _cut(self.differs, box, way)
        comes, _ = _cut(self.differs, box, (0, 0))
        same = _correlation(self.here, there, self.cell) > _FOUND
        for share, least in ((inside, 1), (comes, _DIFFERING), (leaves, _DIFFERING)):
            same &= _of_blocks(share, self.cell) > least - _TINY
        return int(same.sum())


def _cut(
    pixels: Floats, box: tuple[int, int, int, int], way: _Way
) -> tuple[Floats, Floats]:
    """Return what lies one way off a box, 0 outside, and 1 where it is inside."""
    top, left, high, wide = box
    first, start = top + way[0], left + way[1]
    cut, inside = np.zeros((high, wide), np.float32), np.zeros((high, wide), np.float32)
    above, before = max(0, -first), max(0, -start)
    part = pixels[first + above : first + high, start + before : start + wide]
    rows, columns = part.shape
    cut[above : above + rows, before : before + columns] = part
    inside[above : above + rows, before : before + columns] = 1
    return cut, inside


def _of_blocks(pixels: Floats, cell: int) -> Floats:
    """Return the mean of each block, by its first cell; at the edges there is none."""
    cv2: Any = opencv()
    rows, columns = (side // cell for side in pixels.shape)
    cells = cv2.resize(pixels, (columns, rows), interpolation=cv2.INTER_AREA)
    means = (cells[:-1, :-1] + cells[1:, :-1] + cells[:-1, 1:] + cells[1:, 1:]) / 4
    return np.asarray(means, np.float32)


def _correlation(here: Floats, there: Floats, cell: int) -> Floats:
    """Return how each block correlates with what lies over it; 0 where one is flat."""
    mean, other = _of_blocks(here, cell), _of_blocks(there, cell)
    spread = _of_blocks(here * here, cell) - mean**2
    others = _of_blocks(there * there, cell) - other**2
    both = _of_blocks(here * there, cell) - mean * other
    flat = np.minimum(spread, others) < _SPREAD**2
    return np.where(flat, 0, both / np.sqrt(np.maximum(spread * others, 1)))
