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

    Damaged tables can't be mended: nothing else knows what was in them.
    """
    # The first is quick, and stumbles over an index of nonsense; the second copies the
    # tables to fresh pages, indexes made from them.
    for remedy in ("REINDEX", "VACUUM"):
        with suppress(CorruptDataError):
            database.rows(remedy)
            if not problems(database):
                return True
    return False
