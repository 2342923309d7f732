"""Finds the part of a query that shows an image, if there are other things around it.

A screenshot of a cropped picture covers the rest of the picture with its page. Laid
over it, the whole picture differs around the part that is shown, and agrees in it.
"""

import numpy as np
from numpy.typing import NDArray

from ambience.overlay.agreement import Agreement, Cells
from ambience.overlay.equalizing import Floats
from ambience.overlay.flatness import PRINT

# What a cell adds to a rectangle. The rectangle with the highest sum is the inset.
_AGREES, _DIFFERS, _UNDECIDED = 1.0, -1.5, -0.5

_INSIDE = 0.9  # the share of cells inside that agree, at least
_OUTSIDE = 0.1  # the share of cells outside that agree by chance, at most
_FEWEST = 24  # telling cells, inside and outside
_SHARE = 0.2  # of the telling cells; captions and sky that images share are smaller


def inset(seen: Agreement, flat: Floats) -> Cells | None:
    """Return the rectangle of cells that agrees, if nothing outside of it does.

    Args:
        seen: Where two images agree.
        flat: The share of pixels of each cell that equal their neighbors.

    Returns:
        ``None`` if the images don't agree in such a rectangle, or it shows no
        photograph.
    """
    telling = int(seen.telling.sum())
    if telling - int(seen.agrees.sum()) < _FEWEST * (1 - _OUTSIDE):
        return None
    worth = np.where(seen.telling, _UNDECIDED, 0.0)
    worth[seen.agrees] = _AGREES
    worth[seen.differs] = _DIFFERS
    top, left, bottom, right = _best_rectangle(worth)
    inside: Cells = np.zeros_like(seen.telling)
    inside[top:bottom, left:right] = True
    agreeing = seen.agrees & inside
    within = int((seen.telling & inside).sum())
    outside = telling - within
    is_one = (
        min(within, outside) >= _FEWEST
        and within >= _SHARE * telling
        and int(agreeing.sum()) >= _INSIDE * within
        and int((seen.agrees & ~inside).sum()) <= _OUTSIDE * outside
        and float(flat[agreeing].mean()) < PRINT
    )
    return inside if is_one else None


def _best_rectangle(worth: NDArray[np.float64]) -> tuple[int, int, int, int]:
    """Return the rectangle with the highest sum: its top, left, bottom and right.

    For each pair of rows, Kadane's algorithm finds the best range of columns.
    """
    rows, columns = worth.shape
    above = np.zeros((rows + 1, columns))
    np.cumsum(worth, axis=0, out=above[1:])
    best, found = -np.inf, (0, 0, rows, columns)
    for top in range(rows):
        before = np.zeros((rows - top, columns + 1))
        np.cumsum(above[top + 1 :] - above[top], axis=1, out=before[:, 1:])
        sums = before[:, 1:] - np.minimum.accumulate(before[:, :-1], axis=1)
        height, last = divmod(int(np.argmax(sums)), columns)
        if sums[height, last] > best:
            best = float(sums[height, last])
            left = int(np.argmin(before[height, : last + 1]))
            found = top, left, top + 1 + height, last + 1
    return found
