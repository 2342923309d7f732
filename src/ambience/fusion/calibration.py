"""Turns a distance into the probability that what it suggests is true."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Logistic:
    """A probability that falls as the distance grows.

    Attributes:
        middle: The distance at which it is one half.
        width: How far from there to about 0.27 and 0.73.
    """

    middle: float
    width: float

    def __call__(self, distance: float) -> float:
        """Return the probability at a distance."""
        # The logistic function, written so that no distance overflows.
        return 0.5 - 0.5 * math.tanh((distance - self.middle) / (2 * self.width))


# Both curves are set by hand from what benchmarks/stability.py prints.

# Hashes of unrelated images differ in 287 of 576 bits with a standard deviation of
# 12.4, so the nearest of a million images in eight orientations is to be expected 223
# bits away (5.2 deviations); copies under a bar reach 167, more in a border. The middle
# lies between the two, nearer to the copies.
SAME_IMAGE = Logistic(middle=185, width=7)

# Copies that keep their colors (recompressed, resized, cropped by little) stay within
# 0.3, a bar over a fifth makes 0.4; one in 1,900 pairs of unrelated photographs is
# nearer than 0.6.
SIMILAR_COLORS = Logistic(middle=0.6, width=0.08)
