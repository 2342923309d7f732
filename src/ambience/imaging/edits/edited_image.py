"""An edited copy, and where the originals that it shows lie in it."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ambience.core.geometry import Matrix, Points, Size, clipped, mapped, outline

Pixels: TypeAlias = NDArray[np.uint8]
"""Shape ``(height, width, 3)``, ``uint8``."""


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """Where an original lies in an edited image.

    Attributes:
        original: Number of the original, from 0.
        transform: Maps points of the edited image to points of the original; shape
            ``(3, 3)``, homogeneous, in the coordinates of
            `ambience.core.geometry`.
        region: The convex outline of the visible part of the original in the edited
            image; shape ``(n, 2)``. Text over it counts as visible.
    """

    original: int
    transform: Matrix
    region: Points


@dataclass(frozen=True, slots=True, eq=False)
class Edited:
    """An edited copy.

    Attributes:
        pixels: Shape ``(height, width, 3)``, ``uint8``, contiguous.
        placed: The originals that it shows.
    """

    pixels: Pixels
    placed: tuple[Placed, ...]

    @property
    def size(self) -> Size:
        """``(height, width)`` in pixels."""
        return self.pixels.shape[0], self.pixels.shape[1]


def whole(original: Pixels, index: int = 0) -> Edited:
    """Return an unedited copy of an original."""
    pixels = original.copy(order="C")
    height, width, _ = pixels.shape
    place = Placed(index, np.eye(3), outline((height, width)))
    return Edited(pixels, (place,))


def recolored(edited: Edited, pixels: Pixels) -> Edited:
    """Return a copy with other colors in the same places."""
    return Edited(np.ascontiguousarray(pixels), edited.placed)


def moved(edited: Edited, pixels: Pixels, back: Matrix) -> Edited:
    """Return a copy with pixels in other places.

    Args:
        edited: The copy so far.
        pixels: The new pixels.
        back: Maps points of the new pixels to points of the old.
    """
    height, width, _ = pixels.shape
    forth = np.linalg.inv(back).astype(np.float64)
    placed = []
    for place in edited.placed:
        region = clipped(mapped(forth, place.region), (height, width))
        if len(region):
            placed.append(Placed(place.original, place.transform @ back, region))
    return Edited(np.ascontiguousarray(pixels), tuple(placed))
