"""Reads the whole catalog for damage, and rebuilds its indexes."""

from contextlib import suppress

from ambience.catalog.database import Database
from ambience.core.errors import CorruptDataError


def problems(database: Database) -> list[str]:
    """Return what is wrong within a catalog; nothing if it is intact."""
    try:
        return database.damage()
    except CorruptDataError as error:
        return [str(error)]


def mend(database: Database) -> bool:
    """Rebuild damaged indexes from the tables; return whether that solved everything.

    Damaged tables can't be repaired, because their contents are nowhere else. Nor can
    an index whose pages are no longer recognizable.
    """
    with suppress(CorruptDataError):
        database.reindex()
    return not problems(database)
