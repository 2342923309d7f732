"""Fits the curve of a service to copies and strangers that it was tried on.

Far away, most images are strangers, and how near they come says nothing of copies. What
counts is how fast strangers grow rare where they are few. Below a threshold that few of
them pass, the excess of almost any quantity is distributed exponentially (Balkema and
de Haan 1974, Pickands 1975; the light-tailed case), so its mean is all there is to fit.
Copies that are seen may be anywhere nearer than that, evenly.
"""

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ambience.fusion.curves import WEAKEST, Curve, Scale

_FEW = 0.01  # of strangers: those whose nearness is fitted
_COUNTED = 20  # strangers that what was known before counts as


@dataclass(slots=True)
class Tried:
    """What a service said of copies and strangers, on its scale.

    Attributes:
        copies: For each copy how near its original is, infinite where it is not named.
        strangers: Of all other images that were named, how near.
        pairs: How many other images there were, named or not.
        complete: Nearer than this, every stranger was named.
    """

    copies: list[float] = field(default_factory=list)
    strangers: list[float] = field(default_factory=list)
    pairs: int = 0
    complete: float = math.inf


def fitted(tried: Tried, scale: Scale, *, before: Curve) -> Curve | None:
    """Return the curve that fits; ``None`` if no copy was seen, or no stranger tried.

    Args:
        tried: The more, the better.
        scale: Of the service.
        before: What was known of it; its width counts as much as twenty strangers.
    """
    if not tried.pairs:
        return None
    copies = np.array(tried.copies, np.float64)
    strangers = np.array(tried.strangers, np.float64)
    start = _start(strangers, tried, scale)
    seen = copies[copies < start]
    if not len(seen):
        return None
    excess = start - strangers[strangers < start]
    width = (excess.sum() + _COUNTED * before.width) / (len(excess) + _COUNTED)
    share = (len(excess) + 1) / (tried.pairs + 1)  # were the next one nearer
    # Strangers past the start are among the copies too, and are not seen by that.
    of_copies = len(seen) / len(copies) - share
    least = 1 / (len(copies) + 2)
    of_copies = min(max(of_copies, least), 1 - least)
    # Where the densities are equal: of copies, even; of strangers, exponential.
    copies_density = of_copies / max(start - seen.min(), width)
    strangers_density = share / width
    middle = start + width * math.log(copies_density / strangers_density)
    return Curve(seen=of_copies, middle=middle, width=float(width))


def _start(strangers: NDArray[np.float64], tried: Tried, scale: Scale) -> float:
    """Return from where on, towards the query, strangers are few and all named."""
    if scale is Scale.ODDS or not len(strangers):
        return min(WEAKEST, tried.complete)
    few = min(int(_FEW * tried.pairs), len(strangers) - 1)
    return min(float(np.partition(strangers, few)[few]), tried.complete)
