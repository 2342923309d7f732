"""Reads a catalog in a read-only folder, while others may write to it."""

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

_TRIES = 5  # each fails only if a writer begins or ends at that very moment

_State: TypeAlias = tuple[int, ...] | None


class ReadonlyFile:
    """An SQLite file in WAL mode that is only read; no files are made beside it.

    If another process is writing, or a dead one has left its log behind, SQLite reads
    the log too, and respects its locks. Without a log, SQLite would have to create one;
    instead, it is told that nobody changes the file. If somebody elsewhere begins to,
    the file or its log shows it, and what was read meanwhile is discarded and read
    again.

    Args:
        path: The file.

    Raises:
        StoredDataError: If it does not exist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock()  # for the next two
        self._state: _State = None
        self._readers: Connections | None = None
        self._engine = engine_of(self._connect)
        if not path.exists():
            raise StoredDataError(
                f"there is no catalog at {path}, and none can be created there: name "
                "the data folder with --data"
            )

    def read(self, ask: Callable[[Connection], T]) -> T:
        """Return the answer of a function; it is called again if the file changes."""
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
        """Translate an error of SQLite."""
        return translated(
            error,
            str(self._path),
            f"the catalog {self._path} can't be read ({error.orig}): check that you "
            "may read it and the files beside it",
        )

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            if self._readers is not None:
                self._readers.close()
                self._readers = None

    def _look(self) -> _State:
        """Return what identifies a state of the file; None if it has a log."""
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
