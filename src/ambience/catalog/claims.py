"""Tells an image put to one service alone from one whose record is lost."""

from collections.abc import Sequence

from sqlalchemy import bindparam, select, union, update

from ambience.catalog.database import Database
from ambience.catalog.many import IDS, parts
from ambience.catalog.schema import (
    CLAIMS_COMPLETE,
    claims,
    counters,
    images,
    journal,
    trash,
)
from ambience.core.features import ImageId

_KNOWN = select(images.c.image_id).where(images.c.image_id.in_(IDS))
_CLAIMED = select(claims.c.image_id).where(claims.c.image_id.in_(IDS))
_EXPLAINED = union(
    _KNOWN,
    select(journal.c.image_id).where(journal.c.image_id.in_(IDS)),
    select(trash.c.image_id).where(trash.c.image_id.in_(IDS)),
    _CLAIMED.where(claims.c.service == bindparam("service")),
)
_WITH_PAGE = union(_KNOWN, _CLAIMED)


class Claims:
    """Knows which ids callers have put to one service alone.

    What a service holds under an id that is in no record, not deleted and not claimed
    is unknown: its record was in a catalog that is gone or was put back to an earlier
    state, or it was put to the service alone before claims were written down.

    Args:
        database: Holds the claims, beside the images.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def unknown(self, service: str, ids: Sequence[ImageId]) -> list[ImageId]:
        """Return those of what a service holds that nothing explains."""
        explained = {
            image_id
            for part in parts(ids)
            for (image_id,) in self._database.rows(
                _EXPLAINED, {"ids": part, "service": service}
            )
        }
        return [image_id for image_id in ids if image_id not in explained]

    def among(self, ids: Sequence[ImageId]) -> set[ImageId]:
        """Return those that are claimed for any service."""
        return {
            ImageId(image_id)
            for part in parts(ids)
            for (image_id,) in self._database.rows(_CLAIMED, {"ids": part})
        }

    def without_page(self, ids: Sequence[ImageId]) -> set[ImageId]:
        """Return those that are in no record and not claimed: they have no page.

        None, where the catalog comes from before claims were written down and nobody
        has decided yet about what is unknown.
        """
        if not ids or not self.are_complete():
            return set()
        found = {
            image_id
            for part in parts(ids)
            for (image_id,) in self._database.rows(_WITH_PAGE, {"ids": part})
        }
        return {image_id for image_id in ids if image_id not in found}

    def are_complete(self) -> bool:
        """Whether every id that was put to one service alone is written down."""
        query = select(counters.c.value).where(counters.c.name == CLAIMS_COMPLETE)
        return bool(self._database.rows(query)[0][0])

    def complete(self) -> None:
        """Say that all that is not claimed by now is unknown."""
        with self._database.transaction() as connection:
            connection.execute(
                update(counters)
                .where(counters.c.name == CLAIMS_COMPLETE)
                .values(value=1)
            )
