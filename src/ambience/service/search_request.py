"""How many matches a search answers, or how far it looks."""

from collections.abc import Sequence
from dataclasses import dataclass

from ambience.core.errors import BadParameterError
from ambience.core.matches import Answer, Background, Match


@dataclass(frozen=True, slots=True)
class Depth:
    """How many matches a search answers, or how far.

    Attributes:
        k: How many at most; or
        radius: how far at most. Exactly one of the two.

    Raises:
        BadParameterError: If both or none are given.
    """

    k: int | None
    radius: float | None

    def __post_init__(self) -> None:
        if (self.k is None) == (self.radius is None):
            raise BadParameterError("give exactly one of k and radius")

    def of(
        self,
        matches: Sequence[Match],
        note: str = "",
        *,
        background: Background | None = None,
    ) -> Answer:
        """Return an answer with the matches that are asked for, nearest first."""
        near = sorted(
            (m for m in matches if self.radius is None or m.distance <= self.radius),
            key=lambda match: (match.distance, match.image_id),
        )
        return Answer(tuple(near[: self.k]), note, background)
