"""The SQLite file behind the catalog: its tables, and a connection per thread."""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ambience.core.errors import BusyError, CorruptDataError, StoredDataError

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

    Raises:
        CorruptDataError: If the file is no database, damaged, or of a later version.
        StoredDataError: If it can't be written to.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._local = threading.local()
        self._all: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        try:
            self._migrate()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the connections of all threads."""
        with self._lock:
            while self._all:
                self._all.pop().close()
        self._local = threading.local()

    @property
    def connection(self) -> sqlite3.Connection:
        """This thread's connection; each statement on it is its own transaction."""
        found: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if found is None:
            found = sqlite3.connect(
                self._path,
                timeout=_BUSY_S,
                isolation_level=None,
                check_same_thread=False,  # only so that close() may close them all
            )
            found.row_factory = sqlite3.Row
            found.execute("PRAGMA journal_mode = WAL")
            found.execute("PRAGMA synchronous = FULL")  # a commit survives power loss
            with self._lock:
                self._all.append(found)
            self._local.connection = found
        return found

    def rows(self, query: str, parameters: Sequence[object] = ()) -> list[sqlite3.Row]:
        """Return what a query finds."""
        with self._translated():
            return self.connection.execute(query, parameters).fetchall()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Write everything inside, or nothing.

        Raises:
            BusyError: If another process is in the way.
            StoredDataError: If the disk refuses.
            CorruptDataError: If the file is damaged.
        """
        with self._translated():
            connection = self.connection
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

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
                case _:
                    raise StoredDataError(
                        f"the catalog {self._path} can't be written ({error}): see "
                        "whether the disk is full or read-only"
                    ) from error

    def _migrate(self) -> None:
        with self.transaction() as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version > len(_VERSIONS):
                raise CorruptDataError(
                    f"the catalog {self._path} was written by a newer ambience "
                    f"(version {version}, this one knows {len(_VERSIONS)}): update "
                    "ambience"
                )
            for statements in _VERSIONS[version:]:
                for statement in statements.split(";\n"):
                    connection.execute(statement)
            if version < len(_VERSIONS):  # no write to a disk that may refuse it
                connection.execute(f"PRAGMA user_version = {len(_VERSIONS)}")
