"""What the distance of a service can prove, as the service declares it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

from ambience.core.matches import Relation
from ambience.fusion.curves import Curve, Scale, Usual

Measured: TypeAlias = Mapping[str, Any]
"""What a service measured of one image: ``distance``, and the details of its match."""

Measures: TypeAlias = Mapping[str, Measured]
"""What is known of one image: by service name, and under ``file`` and ``pixels``."""


class Proof(StrEnum):
    """What the matches of a service prove."""

    WHOLE = "whole"  # a copy, by comparing images as wholes
    PART = "part"  # a copy, by a part that both show, which may be all of them
    LIKENESS = "likeness"  # no copy: something in common, or words that fit


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """How one service's matches are read, and what they may claim.

    Attributes:
        proves: What its matches prove.
        relations: All that they may claim.
        relation: Returns what one match claims; ``None`` where it proves nothing.
        words: Returns a claim and its evidence in one line, such as "re-encoded, 4 of
            576 bits differ". It is given one of ``relations``.
        scale: How its distance is read.
        curve: What that is worth, as it was fitted to public images.
        usual: The background that is usual, where the scale needs one.
        version: Raised when the distance comes to mean something else: a curve that
            was learned from another version is not used.
        decides_within: Of wholes: a match as near as this says what a copy is, even if
            a part of it fits, too.
        same_pixels_within: Of wholes: how near images with equal pixels are; ``None``:
            it has no say in which images are compared pixel by pixel.
        is_quick: Whether it is asked before the others where only copies are wanted,
            and those only if it proves none.

    Raises:
        ValueError: If these don't go together.
    """

    proves: Proof
    relations: frozenset[Relation]
    relation: Callable[[Measured], Relation | None]
    words: Callable[[Relation, Measured], str]
    scale: Scale
    curve: Curve
    usual: Usual | None = None
    version: int = 1
    decides_within: float | None = None
    same_pixels_within: float | None = None
    is_quick: bool = False

    def __post_init__(self) -> None:
        copies = {relation.is_copy for relation in self.relations}
        if copies != {self.proves_copies}:
            raise ValueError(f"proof of {self.proves} can't claim {self.relations}")
        if (self.scale is Scale.BACKGROUND) != (self.usual is not None):
            raise ValueError("a usual background goes with the scale that is read on")
        if self.proves is not Proof.WHOLE and not (
            self.decides_within is None and self.same_pixels_within is None
        ):
            raise ValueError("only what compares wholes says how near wholes are")

    @property
    def proves_copies(self) -> bool:
        """Whether its matches are copies."""
        return self.proves is not Proof.LIKENESS
