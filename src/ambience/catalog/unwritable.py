"""Reads a catalog in a folder that can't be written, while others may write to it."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import TypeAlias, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from ambience.catalog.connections import READERS, Connections
from ambience.catalog.sqlite import engine_of, opened, translated
from ambience.core.errors import (
    AmbienceError,
    BusyError,
    StoredDataError,
    UnavailableError,
)

T = TypeVar("T")

_TRIES = 5  # each is in vain only if a writer begins or ends in that very moment

_State: TypeAlias = tuple[int, ...] | None


class UnwritableFile:
    """An SQLite file in WAL mode that is only read, and nothing is made beside it.

    Where another process writes, or one that died has left its log behind, SQLite
    reads the log too, and keeps to its locks. Where there is no log, SQLite would have
    to make one; it is told instead that nobody changes the file. Should somebody begin
    to, from elsewhere, the file or its log shows it: what was read meanwhile is thrown
    away and read again.

    Args:
        path: The file.

    Raises:
        StoredDataError: If it is not there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock()  # of the two below
        self._state: _State = None
        self._readers: Connections | None = None
        self._engine = engine_of(self._connect)
        if not path.exists():
            raise StoredDataError(
                f"there is no catalog at {path}, and none can be made there: name the "
                "data folder with --data"
            )

    def read(self, ask: Callable[[Connection], T]) -> T:
        """Return what a question finds, asked again where the file has changed."""
        for _ in range(_TRIES):
            state = self._look()
            try:
                with self._readers_of(state).lent() as connection:
                    found = ask(connection)
            except (DBAPIError, UnavailableError):
                if self._look() == state:
                    raise
                continue
            if self._look() == state:
                return found
        raise BusyError(
            "another process is just opening or closing the catalog: try again in a "
            "moment"
        )

    def error(self, error: DBAPIError) -> AmbienceError:
        """Return what SQLite said, in our words."""
        return translated(
            error,
            str(self._path),
            f"the catalog {self._path} can't be read ({error.orig}): see whether you "
            "may read it and all beside it",
        )

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            if self._readers is not None:
                self._readers.close()
                self._readers = None

    def _look(self) -> _State:
        """Return what tells one state of the file from the next, None with a log."""
        log = self._size("-wal")
        if log is not None and (log or self._size("-shm") is not None):
            return None
        stat = self._path.stat()
        return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns

    def _size(self, suffix: str) -> int | None:
        try:
            return self._path.with_name(self._path.name + suffix).stat().st_size
        except FileNotFoundError:
            return None

    def _readers_of(self, state: _State) -> Connections:
        with self._lock:
            if self._readers is None or state != self._state:
                if self._readers is not None:
                    self._readers.close()
                self._readers, self._state = None, state
                self._readers = Connections(self._engine.connect, READERS)
            return self._readers

    def _connect(self) -> sqlite3.Connection:
        how = "mode=ro" if self._state is None else "mode=ro&immutable=1"
        return opened(f"{self._path.absolute().as_uri()}?{how}", uri=True)
