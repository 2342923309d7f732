"""The options of a search among vectors."""

from functools import lru_cache
from typing import Final, Literal, TypeAlias

from pydantic import Field

from ambience.core.features import Query
from ambience.core.orientation import Orientation
from ambience.core.search_options import SearchOptions

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
        kept, names = _kept(query.orientations, self.orientations)
        return Query(query.rows[kept], names, query.quality)


@lru_cache(maxsize=64)  # a few: as many as an image has backgrounds, times the choices
def _kept(
    names: tuple[str, ...], versions: Orientations
) -> tuple[list[int], tuple[str, ...]]:
    """Return which rows of a query count, by number and by name."""
    kept = [n for n, name in enumerate(names) if name in _KEPT[versions]]
    return kept, tuple(names[n] for n in kept)
