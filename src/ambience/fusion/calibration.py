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


# Hashes of unrelated images differ in 288 of 576 bits with a standard deviation of
# 12.4, so even the nearest of a million images in eight orientations is about 215 bits
# away (5.9 deviations); copies under a text bar or a border reach 160. The middle lies
# between the two, nearer to the copies.
SAME_IMAGE = Logistic(middle=185, width=7)

# Copies that keep their colors (recompressed, resized, cropped by little) stay within
# 0.3, a text bar over a fifth makes 0.4; one in 2,000 pairs of unrelated photographs
# is nearer than 0.6, and there people agree that the palettes are alike.
SIMILAR_COLORS = Logistic(middle=0.6, width=0.08)
