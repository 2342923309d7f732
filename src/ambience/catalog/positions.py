"""Remembers how far work got that is done a part at a time."""

from ambience.catalog.database import Database
from ambience.core.features import ImageId


class Positions:
    """The image each piece of work goes on after, by the name of the work.

    Args:
        database: Remembers them.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, work: str) -> ImageId | None:
        """Return the image that work got to; None to begin at the first."""
        query = "SELECT value FROM counters WHERE name = ?"
        rows = self._database.rows(query, (f"after:{work}",))
        return ImageId(rows[0][0]) if rows else None

    def put(self, work: str, after: ImageId | None) -> None:
        """Remember it; None: begin at the first again."""
        name = f"after:{work}"
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM counters WHERE name = ?", (name,))
            if after is not None:
                connection.execute("INSERT INTO counters VALUES (?, ?)", (name, after))
