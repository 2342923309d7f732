"""Tells whether what differs between two images moved from one to the other.

What was put over a picture is nowhere in the original, and words of one type are like
other words here and there. A thing that moved, and what a camera sees from elsewhere,
is in both: looked for from either image, it is found the same way off.
"""

from typing import Any, TypeAlias

import numpy as np

from ambience.core.opencv import opencv
from ambience.overlay.agreement import Agreement
from ambience.overlay.alignment import Aligned, Gray
from ambience.overlay.equalizing import Floats

_SIDE = 2  # cells of a block: enough that it is not found by chance
_DIFFERING = 3  # of its four cells
_CONTRAST = 2.0  # gray levels a pixel, in each of its cells
_APART = 2  # cells from block to block: they don't overlap
_BLOCKS = 10  # as many as are looked for, from each image
_FEWEST = 2  # that are found; one may be found by chance
_REACH = 160  # pixels: a quarter of an image at working size
_FOUND = 0.85  # as well as that it correlates
_NEAR = 2  # pixels, at half the size: one way, as far as it is seen from both
_SURE = 3  # blocks that moved; one may be a letter that is there twice

_Way: TypeAlias = tuple[int, int]
"""How far off something is, down and across, in pixels of half the size."""


def displaced(aligned: Aligned, seen: Agreement) -> tuple[float, float]:
    """Return how much of what differs the image has elsewhere, or its like.

    And how sure it is that something moved. Both are 0 to 1.
    """
    ours, theirs = _halved(aligned.query), _halved(aligned.image)
    blocks = _blocks(seen, seen.contrast)
    there = _ways(ours, theirs, blocks, seen.cell)
    if len(there) < _FEWEST:
        return 0.0, 0.0
    back = _ways(theirs, ours, _blocks(seen, seen.image_contrast), seen.cell)
    both = [
        (down, across)
        for down, across in there
        if any(abs(down + y) <= _NEAR and abs(across + x) <= _NEAR for y, x in back)
    ]
    # Of as many as are looked for: few that differ may all be noise.
    return len(there) / _BLOCKS, min(1.0, len(both) / _SURE)


def _blocks(seen: Agreement, contrast: Floats) -> list[tuple[int, int]]:
    """Return the first row and column of blocks that differ, those of most contrast."""
    rows, columns = (side - _SIDE + 1 for side in seen.differs.shape)
    if rows < 1 or columns < 1:
        return []
    counts = np.zeros((rows, columns), np.intp)
    least = np.full((rows, columns), np.inf, np.float32)
    for down, across in np.ndindex(_SIDE, _SIDE):
        part = (slice(down, down + rows), slice(across, across + columns))
        counts += seen.differs[part]
        least = np.minimum(least, contrast[part])
    at = np.argwhere((counts >= _DIFFERING) & (least > _CONTRAST))
    order = np.argsort(-least[tuple(at.T)], kind="stable")
    chosen: list[tuple[int, int]] = []
    for row, column in at[order].tolist():
        if all(max(abs(row - y), abs(column - x)) >= _APART for y, x in chosen):
            chosen.append((row, column))
            if len(chosen) == _BLOCKS:
                break
    return chosen


def _halved(gray: Gray) -> Gray:
    """Return an image of half the size: quicker, and blind to the finest detail."""
    cv2: Any = opencv()
    height, width = (max(1, side // 2) for side in gray.shape)
    return np.asarray(
        cv2.resize(gray, (width, height), interpolation=cv2.INTER_AREA), np.uint8
    )


def _ways(
    here: Gray, there: Gray, blocks: list[tuple[int, int]], cell: int
) -> list[_Way]:
    """Return how far off the blocks of one image are that are found in another."""
    cv2: Any = opencv()
    side, reach = _SIDE * cell // 2, _REACH // 2
    ways = []
    for row, column in blocks:
        top, left = row * cell // 2, column * cell // 2
        block = here[top : top + side, left : left + side]
        if block.shape != (side, side):  # at the edge: not all of it is there
            continue
        first, start = max(0, top - reach), max(0, left - reach)
        window = there[first : top + side + reach, start : left + side + reach]
        scores = cv2.matchTemplate(window, block, cv2.TM_CCOEFF_NORMED)
        _, best, _, (across, down) = cv2.minMaxLoc(scores)
        if best > _FOUND:
            ways.append((first + down - top, start + across - left))
    return ways
