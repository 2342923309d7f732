"""How a search among vectors is done: with which versions, and with what beside."""

from typing import Final, Literal, TypeAlias

from pydantic import Field

from ambience.core.features import Query
from ambience.core.options import SearchOptions
from ambience.core.orientation import Orientation

Versions: TypeAlias = Literal["all", "mirrored", "upright"]

_KEPT: Final[dict[Versions, frozenset[str]]] = {
    "all": frozenset(Orientation),
    "mirrored": frozenset({Orientation.UPRIGHT, Orientation.MIRRORED}),
    "upright": frozenset({Orientation.UPRIGHT}),
}


class VectorOptions(SearchOptions):
    """Leaves out what the caller has no use for, which makes a search faster."""

    orientations: Versions = Field(
        default="all",
        description="Which versions of the query count, where the service tells them "
        "apart: all turned and mirrored ones, itself and its mirror image, or itself.",
    )
    background: bool = Field(
        default=True,
        description="Whether to say how near any images are, where likeness is a "
        "matter of degree.",
    )

    def kept(self, query: Query) -> Query:
        """Return a query with only those of its versions that count."""
        if self.orientations == "all" or not query.orientations:
            return query
        names = _KEPT[self.orientations]
        kept = [n for n, name in enumerate(query.orientations) if name in names]
        return Query(
            query.rows[kept],
            tuple(query.orientations[n] for n in kept),
            query.quality,
        )
