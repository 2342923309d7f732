"""The one folder that ambience writes to: created, checked, and locked while in use."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ambience.catalog import Journal
from ambience.catalog.database import Database
from ambience.core.errors import BadParameterError, BusyError
from ambience.core.settings import Settings
from ambience.library.settings_values import data_path


def data_folder(settings: Settings, *, to_write: bool = True) -> Path:
    """Return the one folder that ambience writes to; create it if necessary.

    Args:
        settings: The configuration.
        to_write: Whether it must be writable, not only readable.

    Raises:
        BadParameterError: If it can't be created, read or written to.
    """
    data = data_path(settings)
    try:
        data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadParameterError(
            f"the data folder {data} can't be created ({error.strerror}): name another "
            "with --data"
        ) from error
    if not os.access(data, os.R_OK | os.X_OK):
        raise BadParameterError(
            f"the data folder {data} can't be read: change its permissions, or name "
            "another with --data"
        )
    if to_write and is_readonly(data):
        raise BadParameterError(
            f"the data folder {data} can't be written to: change its permissions, or "
            "name another with --data"
        )
    return data


def is_readonly(data: Path) -> bool:
    """Whether a data folder is read-only, because of its permissions or its disk."""
    return data.exists() and not os.access(data, os.W_OK)


def opened_catalog(settings: Settings, data: Path) -> tuple[Database, Journal]:
    """Open the catalog of a data folder; return it, and the journal of this process.

    While the journal is open, other processes know that the folder is in use.
    """
    readonly = is_readonly(data)
    url = settings.catalog.url.get_secret_value()
    database = Database(url or data / "catalog.sqlite3", readonly=readonly)
    return database, Journal(database, data / "locks", readonly=readonly)


@contextmanager
def in_use(
    settings: Settings, data: Path, *, alone: bool = False
) -> Iterator[tuple[Database, Journal]]:
    """Show other processes that a data folder is in use, and yield its catalog.

    Args:
        settings: The configuration.
        data: The folder.
        alone: Whether nobody else may use it meanwhile.

    Raises:
        BusyError: If ``alone`` is set and another process uses the folder.
    """
    database, journal = opened_catalog(settings, data)
    try:
        if alone and journal.others_live():
            raise BusyError(
                "a server or an import is using this data folder: stop it first"
            )
        yield database, journal
    finally:
        journal.close()
        database.close()
