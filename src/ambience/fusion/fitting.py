"""Fits the curve of a service to observed copies and strangers.

Strangers are images that have nothing to do with the query. Far from it, most images
are strangers, and their distances say nothing about copies. What counts is how fast
strangers become rare near the query. Beyond a threshold that few of them pass, the
excess of almost any quantity is distributed exponentially (Balkema and de Haan 1974,
Pickands 1975; the light-tailed case), so only its mean needs to be fitted. Copies that
the service sees are assumed to be spread evenly over the distances below the threshold.
"""

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ambience.fusion.curves import WEAKEST, Curve, Scale

_FEW = 0.01  # the share of strangers whose distances are fitted: the nearest
_COUNTED = 20  # strangers that the previous curve counts as


@dataclass(slots=True)
class Observations:
    """The distances a service gave to copies and strangers, on its scale.

    Attributes:
        copies: The distance from each copy to its original; infinite if the service
            didn't list it.
        strangers: The distances of all listed strangers.
        pairs: The number of strangers there were, listed or not.
        complete: Below this distance, every stranger was listed.
    """

    copies: list[float] = field(default_factory=list)
    strangers: list[float] = field(default_factory=list)
    pairs: int = 0
    complete: float = math.inf


def fitted_curve(
    observed: Observations, scale: Scale, *, before: Curve
) -> Curve | None:
    """Return the curve that fits; ``None`` if there are no copies seen or no strangers.

    Args:
        observed: What to fit to.
        scale: The scale of the service.
        before: The previous curve; its width counts as much as twenty strangers.
    """
    if not observed.pairs:
        return None
    copies = np.array(observed.copies, np.float64)
    strangers = np.array(observed.strangers, np.float64)
    start = _start(strangers, observed, scale)
    seen = copies[copies < start]
    if not len(seen):
        return None
    excess = start - strangers[strangers < start]
    width = (excess.sum() + _COUNTED * before.width) / (len(excess) + _COUNTED)
    share = (len(excess) + 1) / (observed.pairs + 1)  # as if one more were nearer
    # This share of the copies is nearer than the start by chance, not because the
    # service sees them.
    of_copies = len(seen) / len(copies) - share
    least = 1 / (len(copies) + 2)
    of_copies = min(max(of_copies, least), 1 - least)
    # The middle is where both densities are equal: that of copies is constant, that of
    # strangers exponential.
    copies_density = of_copies / max(start - seen.min(), width)
    strangers_density = share / width
    middle = start + width * math.log(copies_density / strangers_density)
    return Curve(seen=of_copies, middle=middle, width=float(width))


def _start(
    strangers: NDArray[np.float64], observed: Observations, scale: Scale
) -> float:
    """Return the distance below which strangers are few and all of them are listed."""
    if scale is Scale.ODDS or not len(strangers):
        return min(WEAKEST, observed.complete)
    few = min(int(_FEW * observed.pairs), len(strangers) - 1)
    return min(float(np.partition(strangers, few)[few]), observed.complete)
