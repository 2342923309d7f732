"""Reads the whole catalog file for damage, and makes its indexes anew."""

from contextlib import suppress

from ambience.catalog.database import Database
from ambience.core.errors import CorruptDataError

_MOST = 20  # of what is wrong; the rest is more of the same


def problems(database: Database) -> list[str]:
    """Return what is wrong within a catalog, nothing for a sound one."""
    try:
        rows = database.rows(f"PRAGMA integrity_check({_MOST})")
    except CorruptDataError as error:
        return [str(error)]
    said = [str(row[0]) for row in rows]
    return [] if said == ["ok"] else said


def mend(database: Database) -> bool:
    """Make damaged indexes anew from the tables; return whether all is well then.

    Damaged tables can't be mended: nothing else knows what was in them. Nor can an
    index whose pages are no pages any more.
    """
    with suppress(CorruptDataError):
        database.rows("REINDEX")
    return not problems(database)
