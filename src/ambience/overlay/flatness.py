"""Tells print from photographs: paper is flat between its letters."""

from typing import Any

import numpy as np

from ambience.core.opencv import opencv
from ambience.overlay.agreement import Agreement
from ambience.overlay.alignment import Gray
from ambience.overlay.equalizing import Floats

PRINT = 0.4
"""The share of flat pixels; print and drawn frames have more, photographs less."""

_EQUAL = 1  # gray levels between neighboring pixels; photographs have more, by grain


def flatness(gray: Gray, seen: Agreement) -> Floats:
    """Return, for each cell, the share of pixels that equal their neighbors."""
    cv2: Any = opencv()
    rows, columns = seen.common.shape
    flat = np.zeros((rows * seen.cell, columns * seen.cell), np.float32)
    height, width = gray.shape
    across = cv2.absdiff(gray[:-1, 1:], gray[:-1, :-1]) <= _EQUAL
    down = cv2.absdiff(gray[1:, :-1], gray[:-1, :-1]) <= _EQUAL
    flat[: height - 1, : width - 1] = across & down
    size = columns, rows
    return np.asarray(cv2.resize(flat, size, interpolation=cv2.INTER_AREA))
