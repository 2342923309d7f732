"""Changes under way, so that one cut short is finished or undone at the next start."""

import os
import sqlite3
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from filelock import FileLock, Timeout

from ambience.catalog import ids
from ambience.catalog.database import Database
from ambience.core.errors import BusyError
from ambience.core.features import ImageId

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_ENTRY = "image_id, operation, source, keep"
_BEGIN = (
    "INSERT INTO journal VALUES (?, ?, ?, ?, ?) ON CONFLICT (image_id) DO UPDATE SET "
    "operation = excluded.operation, source = excluded.source, keep = excluded.keep "
    "WHERE owner = excluded.owner"
)
_BEGIN_REPAIR = (
    "INSERT INTO journal SELECT image_id, ?, ?, '', 0 FROM missed "
    "WHERE service = ? AND image_id = ? ON CONFLICT (image_id) DO NOTHING"
)


class Operation(StrEnum):
    """What is being done to an image."""

    PUT = "put"
    DELETE = "delete"
    REPAIR = "repair"  # a service gets what it missed; the catalog stays as it is


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One change that a process began and did not end.

    Attributes:
        image_id: Of what.
        operation: What was being done.
        source: Staged bytes of the new image, relative to ``staging/``; empty if
            there are none.
        keep: Whether they are to become an original.
    """

    image_id: ImageId
    operation: Operation
    source: str = ""
    keep: bool = False


class Journal:
    """Says which images this process is changing, durably, before it does.

    A process holds a lock on a file of its own for as long as it lives; entries whose
    process no longer holds its lock are left over from one that died.

    Args:
        database: Holds the entries.
        locks: A folder for the lock files.
        readonly: Whether nothing may be written: this process then begins no change,
            and needs no lock.
    """

    def __init__(
        self, database: Database, locks: Path, *, readonly: bool = False
    ) -> None:
        self._database = database
        self._locks = locks
        self._owner = uuid.uuid4().hex
        self._readonly = readonly
        self._lock = FileLock(self._lock_path(self._owner))
        if not readonly:
            locks.mkdir(parents=True, exist_ok=True)
            self._lock.acquire()

    def close(self) -> None:
        """Give up this process's lock."""
        if not self._readonly:
            self._lock.release()
            self._lock_path(self._owner).unlink(missing_ok=True)

    def check_writable(self) -> None:
        """See `Database.check_writable`."""
        self._database.check_writable()

    def begin(
        self, entries: Sequence[JournalEntry], *, new: Sequence[ImageId] = ()
    ) -> None:
        """Write down changes before they are made.

        An entry that this process could not end before is taken over.

        Args:
            entries: What will be done.
            new: Those of the images that were not there when their key was reserved.

        Raises:
            BusyError: If another process is changing one of the images, or one of
                ``new`` is there by now.
        """
        rows = [
            (e.image_id, self._owner, e.operation, e.source, e.keep) for e in entries
        ]
        with self._database.transaction() as connection:
            ids.claim(connection, [entry.image_id for entry in entries])
            written = connection.executemany(_BEGIN, rows).rowcount
            if written != len(rows) or ids.taken(connection, new):
                raise BusyError(
                    "one of these images is being changed by another process: "
                    "try again in a moment"
                )

    def begin_repair(self, service: str, ids: Sequence[ImageId]) -> list[ImageId]:
        """Write down which images a service is about to get, or to forget.

        Returns:
            Those that it still misses, and that nobody is changing.
        """
        with self._database.transaction() as connection:
            return [
                image_id
                for image_id in ids
                if connection.execute(
                    _BEGIN_REPAIR, (self._owner, Operation.REPAIR, service, image_id)
                ).rowcount
            ]

    def is_empty(self) -> bool:
        """Whether no change at all is under way, in any process."""
        query = "SELECT NOT EXISTS (SELECT 1 FROM journal)"
        return bool(self._database.rows(query)[0][0])

    def cut_short(self) -> int:
        """Return how many changes were begun and not ended, while we begin none."""
        rows = self._database.rows(
            "SELECT owner, count(*) FROM journal GROUP BY owner ORDER BY owner"
        )
        return sum(n for o, n in rows if o == self._owner or self._is_gone(o))

    def is_alone(self) -> bool:
        """Whether no other process is at work, as far as `left_over` could see."""
        return not self._others()

    def others_live(self) -> bool:
        """Whether another process has this data folder in use now."""
        return not all(self._is_gone(owner) for owner in self._others())

    def abandon(self, ids: Sequence[ImageId]) -> None:
        """Forget changes that came to nothing."""
        with self._database.transaction() as connection:
            end(connection, ids)

    def left_over(self) -> list[JournalEntry]:
        """Take over and return the entries of processes that are no more."""
        with self._database.transaction() as connection:
            rows = connection.execute("SELECT DISTINCT owner FROM journal").fetchall()
            owners = {owner for (owner,) in rows} | self._others()
            gone = [o for o in sorted(owners - {self._owner}) if self._is_gone(o)]
            if not gone:  # nothing to write, on a disk that may refuse it
                return []
            marks = ", ".join("?" * len(gone))
            rows = connection.execute(
                f"UPDATE journal SET owner = ? WHERE owner IN ({marks}) "  # noqa: S608 -- question marks
                f"RETURNING {_ENTRY}",
                (self._owner, *gone),
            ).fetchall()
        return _entries(rows)

    def ours(self) -> list[JournalEntry]:
        """Return the entries of this process, those that it could not end included."""
        query = f"SELECT {_ENTRY} FROM journal WHERE owner = ?"  # noqa: S608 -- ours
        return _entries(self._database.rows(query, (self._owner,)))

    def still_open(self, entries: Sequence[JournalEntry]) -> list[JournalEntry]:
        """Return those of these entries that nothing has ended or replaced since."""
        return [entry for entry in entries if entry in self._of_image(entry.image_id)]

    def _of_image(self, image_id: ImageId) -> list[JournalEntry]:
        query = (
            f"SELECT {_ENTRY} FROM journal "  # noqa: S608 -- a constant of our own
            "WHERE image_id = ? AND owner = ?"
        )
        return _entries(self._database.rows(query, (image_id, self._owner)))

    def _others(self) -> set[str]:
        """Return the other processes that have a lock file, dead ones included."""
        return {path.stem for path in self._locks.glob("*.lock")} - {self._owner}

    def _is_gone(self, owner: str) -> bool:
        if self._readonly:
            return not _is_held(self._lock_path(owner))
        lock = FileLock(self._lock_path(owner))
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return False
        lock.release()
        self._lock_path(owner).unlink(missing_ok=True)
        return True

    def _lock_path(self, owner: str) -> Path:
        return self._locks / f"{owner}.lock"


def _is_held(path: Path) -> bool:
    """Whether a process has a lock, as far as can be seen without writing to it."""
    if not path.exists():
        return False
    if fcntl is None:
        return True
    try:
        number = os.open(path, os.O_RDONLY)
    except PermissionError:
        return True
    try:
        fcntl.flock(number, fcntl.LOCK_SH | fcntl.LOCK_NB)  # let go with the file
    except BlockingIOError:
        return True
    finally:
        os.close(number)
    return False


def _entries(rows: Sequence[sqlite3.Row]) -> list[JournalEntry]:
    """Return rows of `_ENTRY` as entries, by id."""
    return [
        JournalEntry(ImageId(image_id), Operation(operation), source, bool(keep))
        for image_id, operation, source, keep in sorted(rows, key=tuple)
    ]


def is_repaired(connection: sqlite3.Connection, image_id: ImageId) -> bool:
    """Whether a service is just getting an image that it missed, or forgetting it."""
    query = "SELECT 1 FROM journal WHERE image_id = ? AND operation = ?"
    return bool(connection.execute(query, (image_id, Operation.REPAIR)).fetchall())


def end(connection: sqlite3.Connection, ids: Sequence[ImageId]) -> None:
    """Strike out entries, in the transaction that makes their change known."""
    connection.executemany(
        "DELETE FROM journal WHERE image_id = ?", [(i,) for i in ids]
    )
