"""Reads the whole catalog for damage, and makes its indexes anew."""

from contextlib import suppress

from ambience.catalog.database import Database
from ambience.core.errors import CorruptDataError


def problems(database: Database) -> list[str]:
    """Return what is wrong within a catalog, nothing for a sound one."""
    try:
        return database.damage()
    except CorruptDataError as error:
        return [str(error)]


def mend(database: Database) -> bool:
    """Make damaged indexes anew from the tables; return whether all is well then.

    Damaged tables can't be mended: nothing else knows what was in them. Nor can an
    index whose pages are no pages any more.
    """
    with suppress(CorruptDataError):
        database.reindex()
    return not problems(database)
