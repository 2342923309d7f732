"""The options of a search among vectors."""

from typing import Final, Literal, TypeAlias

from pydantic import Field

from ambience.core.features import Query
from ambience.core.options import SearchOptions
from ambience.core.orientation import Orientation

Orientations: TypeAlias = Literal["all", "mirrored", "upright"]

_KEPT: Final[dict[Orientations, frozenset[str]]] = {
    "all": frozenset(Orientation),
    "mirrored": frozenset({Orientation.UPRIGHT, Orientation.MIRRORED}),
    "upright": frozenset({Orientation.UPRIGHT}),
}


class VectorOptions(SearchOptions):
    """Makes a search faster by leaving out what the caller doesn't need."""

    orientations: Orientations = Field(
        default="all",
        description="Which orientations of the query to search with, if the service "
        "distinguishes them: all eight, upright and mirrored, or only upright.",
    )
    background: bool = Field(
        default=True,
        description="Whether to return how near random images are, if the service "
        "measures degrees of likeness.",
    )

    def kept(self, query: Query) -> Query:
        """Return a query with only the chosen orientations."""
        if self.orientations == "all" or not query.orientations:
            return query
        names = _KEPT[self.orientations]
        kept = [n for n, name in enumerate(query.orientations) if name in names]
        return Query(
            query.rows[kept],
            tuple(query.orientations[n] for n in kept),
            query.quality,
        )
