"""Decides how two images that agree in some places are related.

A copy with something put over it agrees completely around that. Pages with the same
layout agree in lines, frames and letters on flat paper, and differ everywhere else, or
in a few words here and there. Photographs of the same scene differ where something
moved. The weights were fitted by scripts/fit_overlay.py to images whose relation is
known.
"""

import math
from dataclasses import astuple, dataclass

from ambience.core.matches import Relation
from ambience.overlay.flatness import PRINT

_MOVED = 0.5  # more certain than not
_SCENE = 0.2  # the share of cells that agree; unrelated photographs have a tenth
_TEMPLATE = 0.25  # the share of cells that agree; with less, it is chance


@dataclass(frozen=True, slots=True)
class OverlayMeasure:
    """The result of laying one image over another; every value is from 0 to 1.

    Attributes:
        agrees: The share of telling cells that agree.
        differs: The share of telling cells that differ.
        solid: The share of telling cells that agree and have no differing neighbor.
        flat: The share of flat pixels in cells that agree.
        flat_where_different: The share of flat pixels in cells that differ; 1 if there
            are no such cells.
        elsewhere: How much of what differs is found elsewhere in the image.
        moved: How certain it is that something moved.
        scattered: In how many separate places print differs: 0 in none, or in pictures.
    """

    agrees: float
    differs: float
    solid: float
    flat: float
    flat_where_different: float
    elsewhere: float
    moved: float
    scattered: float


@dataclass(frozen=True, slots=True)
class Weights:
    """The weight of each measure in the logarithm of the odds of a copy."""

    always: float
    differs: float
    solid: float
    flat: float
    flat_where_different: float
    elsewhere: float
    moved: float
    scattered: float


FITTED = Weights(-7.05, 5.28, 16.13, -4.55, 4.69, -5.59, -10.37, -9.6)


def same_picture(measure: OverlayMeasure, weights: Weights = FITTED) -> float:
    """Return the probability that both show the same picture, or a part of it."""
    always, *others = astuple(weights)
    _, *measured = astuple(measure)
    odds = always + math.fsum(a * b for a, b in zip(others, measured, strict=True))
    return 0.5 + 0.5 * math.tanh(odds / 2)


def likeness(measure: OverlayMeasure) -> Relation | None:
    """Return how two images that don't show the same picture are related.

    Returns:
        ``same_scene``, ``same_template``, or ``None`` if they are not related.
    """
    moved = measure.moved >= _MOVED
    flat = measure.flat if measure.agrees else measure.flat_where_different
    if flat < PRINT and (moved or measure.agrees >= _SCENE):
        return Relation.SAME_SCENE
    return Relation.SAME_TEMPLATE if measure.agrees >= _TEMPLATE else None
