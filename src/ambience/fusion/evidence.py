"""What the matches of a service can prove, as the service declares it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

from ambience.core.matches import Relation
from ambience.fusion.curves import Curve, Scale, UsualBackground

Measured: TypeAlias = Mapping[str, Any]
"""What a service measured for one image: ``distance`` and the details of its match."""

Measures: TypeAlias = Mapping[str, Measured]
"""All that was measured for one image, by service name, ``file``, ``pixels`` and
``overlay``."""


class Proof(StrEnum):
    """What the matches of a service prove."""

    WHOLE = "whole"  # a copy, by comparing whole images
    PART = "part"  # a copy, by a part that both show, which may be everything
    LIKENESS = "likeness"  # not a copy: something in common, or words that fit


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """How to read one service's matches, and what they may claim.

    Attributes:
        proves: What its matches prove.
        relations: All relations that they may claim.
        relation: Returns what one match claims; ``None`` if it proves nothing.
        words: Returns a claim and its evidence in one line, such as "re-encoded, 4 of
            576 bits differ". It is given one of ``relations``.
        scale: The scale of its distances.
        curve: What a distance on that scale is worth, fitted to public images.
        usual: The usual background, if the scale needs one.
        version: Raised when the distance changes its meaning: a curve learned from
            another version is not used.
        decides_within: For whole images: a match at least this near names the relation
            of a copy, even if a part matches too.
        same_pixels_within: For whole images: the largest distance between images with
            equal pixels. ``None``: its matches are not compared pixel by pixel.
        is_quick: Whether a search for copies only asks it first, and the other services
            only if it proves none.

    Raises:
        ValueError: If these contradict each other.
    """

    proves: Proof
    relations: frozenset[Relation]
    relation: Callable[[Measured], Relation | None]
    words: Callable[[Relation, Measured], str]
    scale: Scale
    curve: Curve
    usual: UsualBackground | None = None
    version: int = 1
    decides_within: float | None = None
    same_pixels_within: float | None = None
    is_quick: bool = False

    def __post_init__(self) -> None:
        copies = {relation.is_copy for relation in self.relations}
        if copies != {self.proves_copies}:
            raise ValueError(f"proof of {self.proves} can't claim {self.relations}")
        if (self.scale is Scale.BACKGROUND) != (self.usual is not None):
            raise ValueError(
                "a usual background and the scale of backgrounds need each other"
            )
        if self.proves is not Proof.WHOLE and not (
            self.decides_within is None and self.same_pixels_within is None
        ):
            raise ValueError(
                "only a service that compares whole images has distances for them"
            )

    @property
    def proves_copies(self) -> bool:
        """Whether its matches are copies."""
        return self.proves is not Proof.LIKENESS
