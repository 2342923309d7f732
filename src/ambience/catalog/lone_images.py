"""Tells images added to one service alone from those whose record is lost."""

from collections.abc import Sequence

from sqlalchemy import bindparam, select, union, update

from ambience.catalog.bulk_statements import IDS, parts
from ambience.catalog.database import Database
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
_LONE = select(claims.c.image_id).where(claims.c.image_id.in_(IDS))
_EXPLAINED = union(
    _KNOWN,
    select(journal.c.image_id).where(journal.c.image_id.in_(IDS)),
    select(trash.c.image_id).where(trash.c.image_id.in_(IDS)),
    _LONE.where(claims.c.service == bindparam("service")),
)
_WITH_PAGE = union(_KNOWN, _LONE)


class LoneImages:
    """Knows which ids callers use at one service alone.

    What a service holds under an id that is in no record, not deleted and not noted
    here is unknown. Either its record was in a catalog that was lost or replaced by an
    older copy, or it was added to the service alone before such ids were noted.

    Args:
        database: The catalog's database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def unknown(self, service: str, ids: Sequence[ImageId]) -> list[ImageId]:
        """Return those of a service's images that nothing explains."""
        explained = {
            image_id
            for part in parts(ids)
            for (image_id,) in self._database.rows(
                _EXPLAINED, {"ids": part, "service": service}
            )
        }
        return [image_id for image_id in ids if image_id not in explained]

    def among(self, ids: Sequence[ImageId]) -> set[ImageId]:
        """Return the ids that are used at any service alone."""
        return {
            ImageId(image_id)
            for part in parts(ids)
            for (image_id,) in self._database.rows(_LONE, {"ids": part})
        }

    def without_page(self, ids: Sequence[ImageId]) -> set[ImageId]:
        """Return the ids without a record that are not noted here: they have no page.

        The result is empty if the catalog is older than such notes, and nobody has
        decided yet what to do with unknown images.
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
        """Whether every id that is used at one service alone is noted."""
        query = select(counters.c.value).where(counters.c.name == CLAIMS_COMPLETE)
        return bool(self._database.rows(query)[0][0])

    def complete(self) -> None:
        """Record that everything else is unknown from now on."""
        with self._database.transaction() as connection:
            connection.execute(
                update(counters)
                .where(counters.c.name == CLAIMS_COMPLETE)
                .values(value=1)
            )
