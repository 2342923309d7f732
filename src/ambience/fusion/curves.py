"""Turns a distance into evidence: how much likelier it is for a copy than by chance."""

import math
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from ambience.core.matches import BackgroundDistances

_LEAST = 1e-15  # the smallest probability p whose 1 - p can be told from 1
_DEVIATION = 1e-6  # if all images are equally far, none is nearer than usual
_USUAL_COUNT = 20  # images that the usual background counts as, next to a query's own


class Scale(StrEnum):
    """The scale on which unrelated images become rarer at an even rate."""

    DISTANCE = "distance"  # the distance itself
    ODDS = "odds"  # the distance is a probability: the logarithm of its odds
    BACKGROUND = "background"  # standard deviations from the mean of the background


WEAKEST = math.log(0.99 / 0.01)
"""On the scale of odds, nearer than this a service lists everything it can prove."""


class UsualBackground(BaseModel):
    """The background in most libraries, for libraries too small to have their own.

    Attributes:
        mean: The mean distance between any two images.
        deviation: The standard deviation of these distances.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    mean: float = Field(ge=0, allow_inf_nan=False)
    deviation: float = Field(gt=0, allow_inf_nan=False)

    def combined_with(self, own: BackgroundDistances | None) -> BackgroundDistances:
        """Return a query's background with this one added as twenty more images."""
        usual = BackgroundDistances(self.mean, self.deviation, _USUAL_COUNT)
        if own is None or own.count == 0:
            return usual
        count = own.count + usual.count
        mean = (own.count * own.mean + usual.count * usual.mean) / count
        squares = sum(
            part.count * (part.deviation**2 + (part.mean - mean) ** 2)
            for part in (own, usual)
        )
        return BackgroundDistances(mean, math.sqrt(squares / count), count)


class Curve(BaseModel):
    """The evidence in a distance measured by one service.

    It is ``log(1 - seen + exp((middle - x) / width))``, the logarithm of how much
    likelier ``x`` is for a copy than for an unrelated image. Each ``width`` nearer,
    unrelated images are rarer by a factor of e; far away, only the copies that the
    service can't see are left.

    Attributes:
        seen: The share of copies that the service can see, above 0 and below 1.
        middle: The distance at which a visible copy is as likely as an unrelated image.
        width: The difference in distance that makes unrelated images rarer by a factor
            of e.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seen: float = Field(gt=0, lt=1)
    middle: float = Field(allow_inf_nan=False)
    width: float = Field(gt=0, allow_inf_nan=False)

    def __call__(self, x: float) -> float:
        """Return the evidence, the natural logarithm of a ratio of probabilities."""
        unseen, nearer = math.log1p(-self.seen), (self.middle - x) / self.width
        # The formula of the class in a form that can't overflow.
        most = max(unseen, nearer)
        return most + math.log1p(math.exp(-abs(unseen - nearer)))

    @property
    def silence(self) -> float:
        """The evidence of not being listed by a service that lists all it can see."""
        return math.log1p(-self.seen)


def scaled_distance(
    scale: Scale, distance: float, background: BackgroundDistances | None = None
) -> float:
    """Return a distance on a scale; smaller is nearer.

    Raises:
        ValueError: If the scale needs a background and none is given.
    """
    match scale:
        case Scale.DISTANCE:
            return distance
        case Scale.ODDS:
            within = min(max(distance, _LEAST), 1 - _LEAST)
            return math.log(within) - math.log1p(-within)
        case Scale.BACKGROUND:
            if background is None:
                raise ValueError("this scale needs a background")
            return (distance - background.mean) / max(background.deviation, _DEVIATION)
