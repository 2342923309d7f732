"""The arguments of a search: how many matches or how far, and the options."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ambience.core.errors import BadParameterError
from ambience.core.matches import Answer, BackgroundDistances, Match

MAX_K = 1000
"""The largest number of matches in one answer over HTTP."""


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """The arguments of a search; exactly one of ``k`` and ``radius`` is set.

    Attributes:
        k: The largest number of matches.
        radius: The largest distance of a match.
        options: Fields of the service's own options, by name.

    Raises:
        BadParameterError: If both or neither of ``k`` and ``radius`` are given.
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
        background: BackgroundDistances | None = None,
    ) -> Answer:
        """Return an answer with the requested matches, nearest first."""
        near = sorted(
            (m for m in matches if self.radius is None or m.distance <= self.radius),
            key=lambda match: (match.distance, match.image_id),
        )
        return Answer(tuple(near[: self.k]), note, background)
