"""Remembers the position of work that is done a part at a time."""

from sqlalchemy import delete, select

from ambience.catalog.database import Database
from ambience.catalog.schema import counters
from ambience.core.features import ImageId


class Positions:
    """The image after which each piece of work continues, by the name of the work.

    Args:
        database: The catalog's database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, work: str) -> ImageId | None:
        """Return the last image that was done; None to begin with the first."""
        rows = self._database.rows(
            select(counters.c.value).where(counters.c.name == _counter(work))
        )
        return ImageId(rows[0][0]) if rows else None

    def put(self, work: str, after: ImageId | None) -> None:
        """Remember the last image that was done; None to begin with the first."""
        name = _counter(work)
        with self._database.transaction() as connection:
            connection.execute(delete(counters).where(counters.c.name == name))
            if after is not None:
                connection.execute(counters.insert(), {"name": name, "value": after})


def _counter(work: str) -> str:
    return f"after:{work}"
