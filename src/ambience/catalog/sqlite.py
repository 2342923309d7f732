"""A catalog in one SQLite file, in the data folder."""

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    NullPool,
    create_engine,
    literal_column,
)
from sqlalchemy.exc import DBAPIError, IntegrityError

from ambience.catalog.early_versions import ADDED
from ambience.core.errors import (
    AmbienceError,
    BusyError,
    CorruptDataError,
    StoredDataError,
    UnavailableError,
)
from ambience.core.file_descriptors import NO_DESCRIPTORS, descriptors_are_gone

_BUSY_S = 30  # how long a write waits for another process's
_AGAIN_S = 0.01  # between two tries where SQLite does not wait itself
_MOST = 20  # problems; the rest is more of the same
# Versions without revisions look at this number, and refuse any above their own.
_NO_LONGER_THEIRS = len(ADDED) + 2


class SqliteFile:
    """An SQLite file in WAL mode.

    Args:
        path: The file.
    """

    now_ms: Final[ColumnElement[int]] = literal_column(
        "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"
    )

    def __init__(self, path: Path) -> None:
        self._path = path
        self._engine = engine_of(self._connect)

    @property
    def place(self) -> str:
        """See `Dialect`."""
        return str(self._path)

    @property
    def file(self) -> str:
        """See `Dialect`."""
        found = self._path.stat()
        return f"{found.st_dev} {found.st_ino}"

    def reader(self) -> Connection:
        """See `Dialect`."""
        return self._engine.connect()

    writer = reader

    def begin(self, connection: Connection) -> None:
        """See `Dialect`: SQLite admits one among all processes."""
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    def error(self, error: DBAPIError) -> AmbienceError:
        """See `Dialect`."""
        return translated(
            error,
            self.place,
            f"the catalog {self.place} can't be written ({error.orig}): check whether "
            "the disk is full or read-only",
        )

    def damage(self, connection: Connection) -> list[str]:
        """See `Dialect`."""
        check = connection.exec_driver_sql(f"PRAGMA integrity_check({_MOST})")
        said = [str(row[0]) for row in check]
        return [] if said == ["ok"] else said

    def reindex(self, connection: Connection) -> None:
        """See `Dialect`."""
        connection.exec_driver_sql("REINDEX")

    def prepare_upgrade(self, connection: Connection) -> None:
        """See `Dialect`."""
        version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
        for statements in ADDED[version - 1 :]:
            for statement in statements.split(";\n"):
                connection.exec_driver_sql(statement)

    def finish_upgrade(self, connection: Connection) -> None:
        """See `Dialect`."""
        connection.exec_driver_sql(f"PRAGMA user_version = {_NO_LONGER_THEIRS}")

    def _connect(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        return opened(
            str(self._path),
            "PRAGMA journal_mode = WAL",
            "PRAGMA synchronous = FULL",  # survives power loss
        )


def engine_of(connect: Callable[[], sqlite3.Connection]) -> Engine:
    """Return an engine that makes SQLAlchemy connections; `Connections` keeps them."""
    return create_engine("sqlite://", creator=connect, poolclass=NullPool)


def opened(name: str, *pragmas: str, uri: bool = False) -> sqlite3.Connection:
    """Open a file; each statement on the connection is its own transaction."""
    connection = sqlite3.connect(
        name,
        timeout=_BUSY_S,
        isolation_level=None,
        check_same_thread=False,  # it is lent to one thread at a time
        uri=uri,
    )
    try:
        for pragma in pragmas:
            _set(connection, pragma)
        connection.execute("PRAGMA temp_store = MEMORY")  # no file for a long sort
        # Make SQLite open now what it would open late: now there are descriptors.
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
    except BaseException:
        connection.close()
        raise
    return connection


def _set(connection: sqlite3.Connection, pragma: str) -> None:
    """Execute a pragma, and wait while another process holds the file.

    SQLite itself waits in reads and writes, but not where it changes the journal mode,
    which those who open a new file at once all do.
    """
    end = time.monotonic() + _BUSY_S
    while True:
        try:
            connection.execute(pragma)
        except sqlite3.OperationalError as error:
            busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not busy or time.monotonic() > end:
                raise
            time.sleep(_AGAIN_S)
        else:
            return


def translated(error: DBAPIError, place: str, otherwise: str) -> AmbienceError:
    """Translate an error of SQLite.

    Args:
        error: SQLAlchemy's error, which wraps SQLite's.
        place: The file.
        otherwise: The message for all other errors.
    """
    if isinstance(error, IntegrityError):  # a path that belongs to another image
        return BusyError(
            "another process has just added the same file: try again in a moment"
        )
    match getattr(error.orig, "sqlite_errorcode", 0) & 0xFF:  # without its details
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return BusyError("another process holds the catalog: try again in a moment")
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return CorruptDataError(
                f"the catalog {place} is damaged ({error.orig}): restore it from a "
                "backup, or move it away and import your folders again"
            )
        case _ if descriptors_are_gone():  # SQLite doesn't say why
            return UnavailableError(NO_DESCRIPTORS)
        case _:
            return StoredDataError(otherwise)
