"""Says what two images that agree in some places are to each other.

A copy with something put over it agrees wholly around that. One layout with other words
agrees in lines, frames and letters, between which paper is flat, and differs all over.
One scene at another moment, or from elsewhere, differs in what moved. How much each of
these counts was fitted, by scripts/fit_overlay.py, to images whose relation is known.
"""

import math
from dataclasses import astuple, dataclass

from ambience.core.matches import Relation

_FLAT = 0.4  # of the pixels where images agree: photographs have less, print more
_MOVED = 0.5  # surer than not
_SCENE = 0.2  # of what tells agrees, of a scene; of unlike photographs a tenth does
_TEMPLATE = 0.25  # of what tells agrees where a layout is the same; less is chance


@dataclass(frozen=True, slots=True)
class Measure:
    """What was seen when one image was laid over another; shares of 0 to 1.

    Attributes:
        agrees: Of the cells that tell anything, those that agree.
        differs: Those that differ.
        solid: Those that agree and have none beside them that differs.
        flat: Of the pixels of cells that agree, those without any change.
        flat_where_different: Of cells that differ; 1 where none does.
        elsewhere: Of what differs, what the image has elsewhere, or its like.
        moved: How sure it is that something moved.
    """

    agrees: float
    differs: float
    solid: float
    flat: float
    flat_where_different: float
    elsewhere: float
    moved: float


@dataclass(frozen=True, slots=True)
class Weights:
    """What each measure adds to the logarithm of the odds of a copy."""

    always: float
    differs: float
    solid: float
    flat: float
    flat_where_different: float
    elsewhere: float
    moved: float


FITTED = Weights(-24.57, 22.53, 37.38, -9.41, 7.21, -10.25, -10.37)


def same_picture(measure: Measure, weights: Weights = FITTED) -> float:
    """Return the probability that both show one picture, or a part of it."""
    always, *others = astuple(weights)
    _, *measured = astuple(measure)
    odds = always + math.fsum(a * b for a, b in zip(others, measured, strict=True))
    return 0.5 + 0.5 * math.tanh(odds / 2)


def likeness(measure: Measure) -> Relation | None:
    """Return what they have in common, if they don't show one picture.

    ``same_scene``, ``same_template``; ``None``: nothing worth naming.
    """
    moved = measure.moved >= _MOVED
    if measure.flat < _FLAT and (moved or measure.agrees >= _SCENE):
        return Relation.SAME_SCENE
    return Relation.SAME_TEMPLATE if measure.agrees >= _TEMPLATE else None
