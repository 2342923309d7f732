"""The results of searches: one service's matches, and the fused ones."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, Decimal
from enum import StrEnum
from typing import Any, assert_never

from ambience.core.features import ImageId

_SCORE_STEP = Decimal("0.001")


@dataclass(frozen=True, slots=True)
class Match:
    """One image found by one service; a smaller distance is nearer.

    Attributes:
        image_id: The image.
        distance: In the service's own unit.
        details: What else the service measured, as JSON values.
    """

    image_id: ImageId
    distance: float
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BackgroundDistances:
    """How far a query is from random images of the library.

    Attributes:
        mean: The mean distance to the images drawn.
        deviation: The standard deviation of these distances.
        count: How many were drawn; few say little.
    """

    mean: float
    deviation: float
    count: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What one service answers to one search.

    Attributes:
        matches: Nearest first, ties by id.
        note: Why the service can't tell ("the image is nearly flat"); empty if it can.
        background: What to compare the distances with, if likeness is a matter of
            degree.
    """

    matches: tuple[Match, ...] = ()
    note: str = ""
    background: BackgroundDistances | None = None


class Relation(StrEnum):
    """The claim a fused match makes, strongest first."""

    SAME_FILE = "same_file"
    SAME_PIXELS = "same_pixels"
    RE_ENCODED = "re_encoded"
    MIRRORED = "mirrored"
    ROTATED = "rotated"
    CROP = "crop"
    CONTAINS = "contains"
    EDITED = "edited"
    SAME_SCENE = "same_scene"
    SAME_TEMPLATE = "same_template"
    SIMILAR_COLORS = "similar_colors"

    @property
    def is_copy(self) -> bool:
        """Whether it claims that both show the same picture, or a part of it."""
        match self:
            case (
                Relation.SAME_FILE
                | Relation.SAME_PIXELS
                | Relation.RE_ENCODED
                | Relation.MIRRORED
                | Relation.ROTATED
                | Relation.CROP
                | Relation.CONTAINS
                | Relation.EDITED
            ):
                return True
            case Relation.SAME_SCENE | Relation.SAME_TEMPLATE | Relation.SIMILAR_COLORS:
                return False
            case _:
                assert_never(self)


@dataclass(frozen=True, slots=True)
class FusedMatch:
    """One image found by all services together.

    Attributes:
        image_id: The image.
        score: The probability that the relation is true, 0 to 1.
        relation: The strongest claim that the evidence supports.
        evidence: What each service measured, by service name, as JSON values.
        summary: The relation and its evidence in words, in one line.
        by: The source of the claim: a service, ``file``, ``pixels`` or ``overlay``.
    """

    image_id: ImageId
    score: float
    relation: Relation
    evidence: Mapping[str, Mapping[str, Any]]
    summary: str
    by: str = ""


def score_text(score: float) -> str:
    """Return a score rounded down, so that only a certain claim is shown as 1."""
    return str(Decimal(str(score)).quantize(_SCORE_STEP, ROUND_DOWN))
