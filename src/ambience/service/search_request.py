"""What a search is asked for: how many matches or how far, and how to look."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ambience.core.errors import BadParameterError
from ambience.core.matches import Answer, Background, Match

MAX_K = 1000
"""Matches in one answer, over HTTP."""


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """How many matches a search answers or how far it looks, and the service's options.

    Attributes:
        k: How many matches at most; or
        radius: how far away at most. Exactly one of the two.
        options: Fields of the service's own options, by name.

    Raises:
        BadParameterError: If both or none of ``k`` and ``radius`` are given.
    """

    k: int | None = None
    radius: float | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if (self.k is None) == (self.radius is None):
            raise BadParameterError("give exactly one of k and radius")

    def answer(
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
