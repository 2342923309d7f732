"""Tells an image put to one service alone from one whose record is lost."""

from collections.abc import Sequence

from ambience.catalog.database import Database
from ambience.core.features import ImageId

_COMPLETE = "claims_complete"
_AT_ONCE = 500  # ids asked for in one query

_IS_EXPLAINED = (
    "EXISTS (SELECT 1 FROM images WHERE image_id = ?1) "
    "OR EXISTS (SELECT 1 FROM journal WHERE image_id = ?1) "
    "OR EXISTS (SELECT 1 FROM trash WHERE image_id = ?1) "
    "OR EXISTS (SELECT 1 FROM claims WHERE image_id = ?1 AND service = ?2)"
)


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
        query = f"SELECT {_IS_EXPLAINED}"
        return [
            image_id
            for image_id in ids
            if not self._database.rows(query, (image_id, service))[0][0]
        ]

    def among(self, ids: Sequence[ImageId]) -> set[ImageId]:
        """Return those that are claimed for any service."""
        query = "SELECT 1 FROM claims WHERE image_id = ? LIMIT 1"
        return {i for i in ids if self._database.rows(query, (i,))}

    def without_page(self, ids: Sequence[ImageId]) -> set[ImageId]:
        """Return those that are in no record and not claimed: they have no page.

        None, where the catalog comes from before claims were written down and nobody
        has decided yet about what is unknown.
        """
        if not ids or not self.are_complete():
            return set()
        found: set[ImageId] = set()
        for start in range(0, len(ids), _AT_ONCE):
            part = ids[start : start + _AT_ONCE]
            marks = ", ".join("?" * len(part))
            rows = self._database.rows(
                f"SELECT image_id FROM images WHERE image_id IN ({marks}) "  # noqa: S608 -- question marks
                f"UNION SELECT image_id FROM claims WHERE image_id IN ({marks})",
                (*part, *part),
            )
            found.update(ImageId(image_id) for (image_id,) in rows)
        return set(ids) - found

    def are_complete(self) -> bool:
        """Whether every id that was put to one service alone is written down."""
        query = "SELECT value FROM counters WHERE name = ?"
        return bool(self._database.rows(query, (_COMPLETE,))[0][0])

    def complete(self) -> None:
        """Say that all that is not claimed by now is unknown."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE counters SET value = 1 WHERE name = ?", (_COMPLETE,)
            )
