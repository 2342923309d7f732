"""The SQLite file behind the catalog: its tables, and how it is read and written."""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ambience.catalog.connections import READERS, Connections
from ambience.catalog.unwritable import UnwritableFile
from ambience.core.errors import (
    BusyError,
    CorruptDataError,
    StoredDataError,
    UnavailableError,
)
from ambience.core.shortage import NO_DESCRIPTORS, descriptors_are_gone

_BUSY_S = 30  # how long a write waits for another process's

_TABLES = """
CREATE TABLE images (
    image_id INTEGER PRIMARY KEY,
    path BLOB UNIQUE,          -- the user's file, as the system spells it
    original TEXT,             -- or our own copy, relative to originals/
    sha256 BLOB NOT NULL,
    byte_count INTEGER NOT NULL,
    height INTEGER NOT NULL,
    width INTEGER NOT NULL,
    format TEXT NOT NULL,
    shown_at TEXT NOT NULL,    -- when it was taken, else when the file was made
    modified_ns INTEGER,       -- of the user's file, to see that it changed
    added_at TEXT NOT NULL,
    missing INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX images_by_sha256 ON images (sha256);
CREATE INDEX images_by_date ON images (shown_at, image_id);
CREATE TABLE trash (
    image_id INTEGER NOT NULL,
    path BLOB,
    trashed TEXT,              -- our own copy, relative to trash/
    sha256 BLOB NOT NULL,
    deleted_at TEXT NOT NULL
) STRICT;
CREATE INDEX trash_by_path ON trash (path);
CREATE TABLE journal (
    image_id INTEGER PRIMARY KEY,
    owner TEXT NOT NULL,       -- the process at work
    operation TEXT NOT NULL,
    source TEXT NOT NULL,      -- staged bytes to go on from, relative to staging/
    keep INTEGER NOT NULL      -- whether they are to become an original
) STRICT;
CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
INSERT INTO counters VALUES ('next_image_id', 1);
"""

_MISSED = """
CREATE TABLE missed (
    service TEXT NOT NULL,
    image_id INTEGER NOT NULL,
    reason TEXT NOT NULL,      -- why the service could not follow
    since TEXT NOT NULL,
    stuck INTEGER NOT NULL DEFAULT 0,  -- it was tried, and the image can't be had
    PRIMARY KEY (service, image_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX missed_waiting ON missed (service, image_id) WHERE stuck = 0;
-- Whether a caller has given its id to one service alone since.
ALTER TABLE trash ADD COLUMN alone INTEGER NOT NULL DEFAULT 0;
CREATE INDEX trash_by_image ON trash (image_id);
"""

_CLAIMS = """
CREATE TABLE claims (          -- ids that callers have put to one service alone
    service TEXT NOT NULL,
    image_id INTEGER NOT NULL,
    PRIMARY KEY (service, image_id)
) STRICT, WITHOUT ROWID;
-- A catalog that had images before knows of none that were put to a service alone.
INSERT INTO counters
    SELECT 'claims_complete', value = 1 AND NOT EXISTS (SELECT 1 FROM images)
    FROM counters WHERE name = 'next_image_id';
"""

# The tables of the first one, and each change since.
_VERSIONS = (_TABLES, _MISSED, _CLAIMS)


class Database:
    """Transactions on one SQLite file in WAL mode, from any thread.

    Args:
        path: The file.
        readonly: Whether nothing may be written, not even beside the file.

    Raises:
        CorruptDataError: If the file is no database, damaged, or of a later version.
        StoredDataError: If it can't be written to, or, with ``readonly``, if it is
            not there or of an older version.
        UnavailableError: If there are no file descriptors for it.
    """

    def __init__(self, path: Path, *, readonly: bool = False) -> None:
        self._path = path
        self._local = threading.local()
        self._unwritable: UnwritableFile | None = None
        with self._translated(), ExitStack() as opened:
            if readonly:
                self._unwritable = UnwritableFile(path)
                opened.callback(self._unwritable.close)
                self._check_version()
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                self._writer = Connections(self._connect, 1)  # SQLite admits one
                opened.callback(self._writer.close)
                self._migrate()
                self._readers = Connections(self._connect, READERS)
                opened.callback(self._readers.close)
            self._opened = opened.pop_all()

    def close(self) -> None:
        """Close all connections."""
        self._opened.close()

    def rows(self, query: str, parameters: Sequence[object] = ()) -> list[sqlite3.Row]:
        """Return what a query finds; within a transaction of this thread, in that.

        Raises:
            UnavailableError: If too many threads ask at once.
            StoredDataError: If it can't be read.
            CorruptDataError: If the file is damaged.
        """
        with self._translated():
            if self._unwritable is not None:
                return self._unwritable.rows(query, parameters)
            within: sqlite3.Connection | None = getattr(self._local, "connection", None)
            if within is not None:
                return within.execute(query, parameters).fetchall()
            with self._readers.lent() as connection:
                return connection.execute(query, parameters).fetchall()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Write everything inside, or nothing; there is none within another.

        Raises:
            BusyError: If another process is in the way.
            UnavailableError: If other threads are, for too long.
            StoredDataError: If the disk refuses, or the catalog is read-only.
            CorruptDataError: If the file is damaged.
        """
        self.check_writable()
        if getattr(self._local, "connection", None) is not None:
            raise RuntimeError("a transaction was begun within another")
        with self._translated(), self._writer.lent() as connection:
            connection.execute("BEGIN IMMEDIATE")
            self._local.connection = connection
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            finally:
                self._local.connection = None

    def check_writable(self) -> None:
        """Raise what `transaction` would, before more is done for one.

        Raises:
            StoredDataError: If the catalog is read-only.
        """
        if self._unwritable is not None:
            raise StoredDataError(
                f"the data folder {self._path.parent} is read-only: images can be "
                "found and shown, but not added, replaced or deleted"
            )

    def _connect(self) -> sqlite3.Connection:
        """Return a connection; each statement on it is its own transaction."""
        connection = sqlite3.connect(
            self._path,
            timeout=_BUSY_S,
            isolation_level=None,
            check_same_thread=False,  # it is lent to one at a time
        )
        connection.row_factory = sqlite3.Row
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")  # survives power loss
            connection.execute("PRAGMA temp_store = MEMORY")  # no file for a long sort
            # What it opens late otherwise, it opens now, while there are descriptors.
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
        except BaseException:
            connection.close()
            raise
        return connection

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Say what SQLite says in our words."""
        try:
            yield
        except sqlite3.IntegrityError as error:  # a path that is another image's
            raise BusyError(
                "another process has just added the same file: try again in a moment"
            ) from error
        except sqlite3.DatabaseError as error:
            match getattr(error, "sqlite_errorcode", 0) & 0xFF:  # without its details
                case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
                    raise BusyError(
                        "another process holds the catalog: try again in a moment"
                    ) from error
                case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
                    raise CorruptDataError(
                        f"the catalog {self._path} is damaged ({error}): restore it "
                        "from a backup, or move it away and import your folders again"
                    ) from error
                case _ if descriptors_are_gone():  # SQLite doesn't say why
                    raise UnavailableError(NO_DESCRIPTORS) from error
                case _ if self._unwritable is not None:
                    raise StoredDataError(
                        f"the catalog {self._path} can't be read ({error}): see "
                        "whether you may read it and all beside it"
                    ) from error
                case _:
                    raise StoredDataError(
                        f"the catalog {self._path} can't be written ({error}): see "
                        "whether the disk is full or read-only"
                    ) from error

    def _migrate(self) -> None:
        with self.transaction() as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            self._refuse_newer(version)
            for statements in _VERSIONS[version:]:
                for statement in statements.split(";\n"):
                    connection.execute(statement)
            if version < len(_VERSIONS):  # no write to a disk that may refuse it
                connection.execute(f"PRAGMA user_version = {len(_VERSIONS)}")

    def _check_version(self) -> None:
        """Refuse what only a migration could make readable."""
        ((version,),) = self.rows("PRAGMA user_version")
        self._refuse_newer(version)
        if version < len(_VERSIONS):
            raise StoredDataError(
                f"the catalog {self._path} was written by an older ambience (version "
                f"{version}, this one needs {len(_VERSIONS)}) and can't be brought up "
                "to date, as the data folder is read-only: run `ambience check` once "
                "where it can be written"
            )

    def _refuse_newer(self, version: int) -> None:
        if version > len(_VERSIONS):
            raise CorruptDataError(
                f"the catalog {self._path} was written by a newer ambience "
                f"(version {version}, this one knows {len(_VERSIONS)}): update "
                "ambience"
            )
