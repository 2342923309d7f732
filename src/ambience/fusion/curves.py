"""Turns a distance into evidence: how much likelier it is for a copy than by chance."""

import math
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from ambience.core.matches import BackgroundDistances

_LEAST = 1e-15  # of a probability: as near to 0 as one minus it is told from 1
_DEVIATION = 1e-6  # where all images are equally far, none is nearer than usual
_USUAL_COUNT = 20  # images that the usual background counts as, beside a query's own


class Scale(StrEnum):
    """How the distances of a service are read, so that strangers grow rare evenly."""

    DISTANCE = "distance"  # as they are
    ODDS = "odds"  # they are probabilities: the logarithm of their odds
    BACKGROUND = "background"  # in deviations, from the mean of the query's background


WEAKEST = math.log(0.99 / 0.01)
"""On the scale of odds, from where on a service has named all that it could prove."""


class Usual(BaseModel):
    """The background that is usual, for libraries too small to have one of their own.

    Attributes:
        mean: Of the distances between any two images.
        deviation: Their standard deviation.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    mean: float = Field(ge=0, allow_inf_nan=False)
    deviation: float = Field(gt=0, allow_inf_nan=False)

    def beside(self, own: BackgroundDistances | None) -> BackgroundDistances:
        """Return the background of a query, this one counted as twenty images of it."""
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
    """The evidence of one service, by what it measured.

    It is ``log(1 - seen + exp((middle - x) / width))``: how much likelier ``x`` is for
    a copy than for a stranger. The nearer, the rarer are strangers, by a factor of e
    for each ``width``; far away remain the copies that the service can't see.

    Attributes:
        seen: The share of copies that it can see, more than 0 and less than 1.
        middle: Where those are as many as strangers.
        width: How much nearer makes strangers rarer by a factor of e.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seen: float = Field(gt=0, lt=1)
    middle: float = Field(allow_inf_nan=False)
    width: float = Field(gt=0, allow_inf_nan=False)

    def __call__(self, x: float) -> float:
        """Return the evidence, the natural logarithm of a ratio of probabilities."""
        unseen, nearer = math.log1p(-self.seen), (self.middle - x) / self.width
        # Written so that nothing overflows.
        most = max(unseen, nearer)
        return most + math.log1p(math.exp(-abs(unseen - nearer)))

    @property
    def silence(self) -> float:
        """The evidence of not being named by a service that names all it can see."""
        return math.log1p(-self.seen)


def read(
    scale: Scale, distance: float, background: BackgroundDistances | None = None
) -> float:
    """Return a distance on a scale; smaller is nearer.

    Raises:
        ValueError: If there is no background on the scale that needs one.
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
