"""Tells whether things that differ between two images have moved.

Something put over a picture isn't found in the original, and printed words look alike
in scattered places. But a thing that moved, or that a camera saw from elsewhere, is in
both images. Searched for in either direction, it is found at the same offset.
"""

from typing import Any, TypeAlias

import numpy as np

from ambience.core.opencv import opencv
from ambience.overlay.agreement import Agreement
from ambience.overlay.alignment import AlignedPair, Gray
from ambience.overlay.equalizing import Floats

_SIDE = 2  # cells along a side of a block; smaller blocks are found by chance
_DIFFERING = 3  # how many of a block's four cells must differ
_CONTRAST = 2.0  # gray levels per pixel, in each cell of a block
_APART = 2  # cells from one block to the next: blocks don't overlap
_BLOCKS = 10  # blocks that are searched for, from each image
_FEWEST = 2  # blocks that must be found; one may be found by chance
_REACH = 160  # pixels: a quarter of an image at working size
_FOUND = 0.85  # the correlation above which a block counts as found
_NEAR = 2  # pixels at half size: the largest difference of equal offsets
_SURE = 3  # blocks that moved; a single one may be a letter that occurs twice

_Offset: TypeAlias = tuple[int, int]
"""How far down and across something is found, in pixels at half size."""


def displaced(aligned: AlignedPair, seen: Agreement) -> tuple[float, float]:
    """Compare the places where two images differ, shifted.

    Returns:
        How much of what differs is found elsewhere in the image, 0 to 1, and how
        certain it is that something moved, 0 to 1.
    """
    ours, theirs = _halved(aligned.query), _halved(aligned.image)
    blocks = _blocks(seen, seen.contrast)
    there = _offsets(ours, theirs, blocks, seen.cell)
    if len(there) < _FEWEST:
        return 0.0, 0.0
    back = _offsets(theirs, ours, _blocks(seen, seen.image_contrast), seen.cell)
    both = [
        (down, across)
        for down, across in there
        if any(abs(down + y) <= _NEAR and abs(across + x) <= _NEAR for y, x in back)
    ]
    # Divided by the largest number of blocks, because a few may all be noise.
    return len(there) / _BLOCKS, min(1.0, len(both) / _SURE)


def _blocks(seen: Agreement, contrast: Floats) -> list[tuple[int, int]]:
    """Return the top left cells of the differing blocks with the most contrast."""
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
    """Return an image at half size: faster to search, and without the finest detail."""
    cv2: Any = opencv()
    height, width = (max(1, side // 2) for side in gray.shape)
    return np.asarray(
        cv2.resize(gray, (width, height), interpolation=cv2.INTER_AREA), np.uint8
    )


def _offsets(
    here: Gray, there: Gray, blocks: list[tuple[int, int]], cell: int
) -> list[_Offset]:
    """Return the offsets of the blocks of one image that are found in another."""
    cv2: Any = opencv()
    side, reach = _SIDE * cell // 2, _REACH // 2
    offsets = []
    for row, column in blocks:
        top, left = row * cell // 2, column * cell // 2
        block = here[top : top + side, left : left + side]
        if block.shape != (side, side):  # cut off at the border
            continue
        first, start = max(0, top - reach), max(0, left - reach)
        window = there[first : top + side + reach, start : left + side + reach]
        scores = cv2.matchTemplate(window, block, cv2.TM_CCOEFF_NORMED)
        _, best, _, (across, down) = cv2.minMaxLoc(scores)
        if best > _FOUND:
            offsets.append((first + down - top, start + across - left))
    return offsets
