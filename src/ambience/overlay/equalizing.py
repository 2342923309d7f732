"""Makes two images equally sharp and bright, so that only their content is compared."""

from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ambience.core.opencv import opencv
from ambience.overlay.alignment import AlignedPair, Gray

Floats: TypeAlias = NDArray[np.float32]

_SMOOTHING = 0.8  # pixels: removes what resampling does to the finest detail
_COARSE = 2.0  # pixels: the detail left after this is in blurred images too
_BLURS = (1.0, 1.5, 2.0, 3.0, 4.0)  # pixels: out of focus, or an enlarged thumbnail
_BLURRED = 0.7  # of the other's fine detail; JPEG and scaling leave more
_EVEN = 0.85  # from this ratio on, both count as equally sharp
_TINY = 1e-6  # avoids a division by zero

_FOR_LINE = 12  # cells needed to fit a line to brightness
_CLIPPED = (8.0, 247.0)  # outside this range, the pixels of a cell may be clipped
_BRIGHTER = 0.08  # a smaller gain clips nothing worth seeing


def equally_sharp(query: Gray, image: Gray) -> tuple[Floats, Floats]:
    """Return both images, each as sharp as the less sharp one.

    The shapes are ``(height, width)``.
    """
    ours, theirs = (
        _blurred(one.astype(np.float32), _SMOOTHING) for one in (query, image)
    )
    here, there = _sharpness(ours), _sharpness(theirs)
    if here < _BLURRED * there:
        return ours, _as_blurred(theirs, here)
    if there < _BLURRED * here:
        return _as_blurred(ours, there), theirs
    return ours, theirs


def equally_bright(
    aligned: AlignedPair, agrees: NDArray[np.bool_], cell: int
) -> AlignedPair | None:
    """Return the pair with the image made as bright as the query, and clipped like it.

    Args:
        aligned: The two images.
        agrees: The cells that are known to show the same.
        cell: The side of a cell in pixels.

    Returns:
        ``None`` if the image is bright enough, or too few cells agree to tell.
    """
    here, there = (_cells(one, cell) for one in (aligned.query, aligned.image))
    low, high = _CLIPPED
    rows, columns = here.shape
    usable = agrees[:rows, :columns] & (here > low) & (here < high) & (there < high)
    if int(usable.sum()) < _FOR_LINE:
        return None
    gain, offset = np.polyfit(there[usable], here[usable], 1)
    if gain < 1 + _BRIGHTER:
        return None
    brighter = np.clip(gain * aligned.image + offset, 0, 255).astype(np.uint8)
    return replace(aligned, image=brighter)


def _cells(gray: Gray, cell: int) -> NDArray[np.float64]:
    rows, columns = (side // cell for side in gray.shape)
    whole = gray[: rows * cell, : columns * cell].astype(np.float64)
    return np.asarray(whole.reshape(rows, cell, columns, cell).mean(axis=(1, 3)))


def _blurred(gray: Floats, pixels: float) -> Floats:
    cv2: Any = opencv()
    return np.asarray(cv2.GaussianBlur(gray, (0, 0), pixels), np.float32)


def _as_blurred(gray: Floats, sharpness: float) -> Floats:
    for pixels in _BLURS:
        blurred = _blurred(gray, pixels)
        if _EVEN * _sharpness(blurred) <= sharpness:
            break
    return blurred


def _sharpness(gray: Floats) -> float:
    """Return the ratio of all detail to coarse detail; contrast doesn't matter."""
    return _detail(gray) / (_detail(_blurred(gray, _COARSE)) + _TINY)


def _detail(gray: Floats) -> float:
    across, down = np.diff(gray, axis=1), np.diff(gray, axis=0)
    return float(np.vdot(across, across) + np.vdot(down, down)) / gray.size
