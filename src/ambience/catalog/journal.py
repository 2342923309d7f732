"""Changes under way, so that an interrupted one is finished or undone later."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Connection,
    bindparam,
    delete,
    func,
    insert,
    literal,
    select,
    update,
)

from ambience.catalog import ids as ids_
from ambience.catalog.bulk_statements import IDS, parts, upsert
from ambience.catalog.database import AnyRow, Database
from ambience.catalog.lease import LEASE_S, TAKEN_OVER, Lease
from ambience.catalog.lock_files import LockFiles
from ambience.catalog.schema import images, journal, leases, missed
from ambience.core.errors import BusyError, TakenOverError
from ambience.core.features import ImageId


class Operation(StrEnum):
    """What is being done to an image."""

    PUT = "put"
    DELETE = "delete"
    REPAIR = "repair"  # a service gets what it missed; the catalog does not change


@dataclass(frozen=True, slots=True)
class Begun:
    """Changes in the journal, as needed to end them.

    Attributes:
        owner: The lease under which they were begun.
        ids: The images.
    """

    owner: str
    ids: Sequence[ImageId]


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One change that a process has begun and not ended.

    Attributes:
        image_id: The image.
        operation: What is being done to it.
        source: Staged bytes of the new image, relative to ``staging/``; empty if there
            are none.
        keep: Whether these are to become an original.
        owner: The lease under which it was begun; empty before that.
    """

    image_id: ImageId
    operation: Operation
    source: str = ""
    keep: bool = False
    owner: str = field(default="", compare=False)

    @property
    def begun(self) -> Begun:
        """What is needed to end it."""
        return Begun(self.owner, [self.image_id])


_CHANGING = select(journal.c.image_id).where(journal.c.image_id.in_(IDS))
_OTHERS = _CHANGING.where(journal.c.owner != bindparam("lease"))
_CHANGEABLE = ("owner", "operation", "source", "keep")
_STRIKE_OUT = delete(journal).where(
    journal.c.owner == bindparam("lease"), journal.c.image_id.in_(IDS)
)
_TAKEN = select(images.c.image_id).where(images.c.image_id.in_(IDS))
_ENTRIES = select(
    *(journal.c.image_id, journal.c.operation, journal.c.source, journal.c.keep),
    journal.c.owner,
).order_by(journal.c.image_id)
_THOSE_MISSED = (
    select(missed.c.image_id)
    .where(missed.c.service == bindparam("service"), missed.c.image_id.in_(IDS))
    .order_by(missed.c.image_id)
)
_MISSING = _THOSE_MISSED.where(missed.c.image_id.not_in(select(journal.c.image_id)))
_UNTAKEN = _THOSE_MISSED.where(
    missed.c.stuck == 0, missed.c.worker.in_(bindparam("free", expanding=True))
)
_WORKERS = select(missed.c.worker).where(missed.c.worker != "")


class Journal:
    """Records which images this process is changing, durably, before it does.

    A process changes images under a lease. Entries whose lease has ended are left over.
    So are, at once, those of a process on the same machine and folder whose lock file
    is no longer held, because that process has died.

    Args:
        database: The catalog's database.
        locks: A folder for the lock files.
        readonly: Whether nothing may be written: this process then begins no change,
            and needs no lock.
        lease_s: How long a lease lasts unless it is renewed, in seconds.
    """

    def __init__(
        self,
        database: Database,
        locks: Path,
        *,
        readonly: bool = False,
        lease_s: float = LEASE_S,
    ) -> None:
        self._database = database
        self._files = LockFiles(locks, readonly=readonly)
        self._lock = self._files.lock
        self._lease = Lease(database, self._files, length_s=lease_s)

    def close(self) -> None:
        """Give up this process's lease, and its lock."""
        self._lease.close()
        self._files.close()

    def check_writable(self) -> None:
        """See `Database.check_writable`."""
        self._database.check_writable()

    def check(self, begun: Begun) -> None:
        """Make sure that changes may go on; see `Lease.check`."""
        self._lease.check(begun.owner)

    def begin(
        self, entries: Sequence[JournalEntry], *, new: Sequence[ImageId] = ()
    ) -> Begun:
        """Record changes before they are made.

        An entry that this process could not end before is replaced.

        Args:
            entries: The changes.
            new: Those of the images that did not exist when their key was reserved.

        Raises:
            BusyError: If another process is changing one of the images, or one of
                ``new`` exists by now.
        """
        wanted = [entry.image_id for entry in entries]
        with self._lease.transaction() as connection:
            owner = self._lease.owner
            ids_.pass_over(connection, wanted)
            if _found(connection, _OTHERS, wanted, lease=owner) or _found(
                connection, _TAKEN, new
            ):
                raise BusyError(
                    "one of these images is being changed by another process: "
                    "try again in a moment"
                )
            connection.execute(
                upsert(connection.dialect.name, journal, _CHANGEABLE),
                [
                    {
                        "image_id": entry.image_id,
                        "owner": owner,
                        "operation": entry.operation,
                        "source": entry.source,
                        "keep": int(entry.keep),
                    }
                    for entry in entries
                ],
            )
        return Begun(owner, wanted)

    def take_work(
        self, wanted: Mapping[str, Sequence[ImageId]]
    ) -> dict[str, list[ImageId]]:
        """Take waiting work, so that no other process does the same meanwhile.

        The work is ours until it is settled or given back, or our lease ends. Others
        may still change the images.

        Args:
            wanted: Images that services still have to get, by service.

        Returns:
            Those of them that still wait, and that no other process has taken.
        """
        taken: dict[str, list[ImageId]] = {}
        if not any(wanted.values()):
            return taken
        with self._lease.transaction() as connection:
            owner = self._lease.owner
            free = ["", owner, *self._ended_leases()]
            for service, ids in wanted.items():
                taken[service] = _found(
                    connection, _UNTAKEN, ids, service=service, free=free
                )
                _set_worker(connection, service, taken[service], owner)
        return taken

    def give_back(self, taken: Mapping[str, Sequence[ImageId]]) -> None:
        """Give back work that was taken but not done."""
        if any(taken.values()):
            with self._database.transaction() as connection:
                for service, ids in taken.items():
                    _set_worker(connection, service, ids, "", of=self._lease.owner)

    def begin_repair(
        self, wanted: Mapping[str, Sequence[ImageId]]
    ) -> tuple[Begun, dict[str, list[ImageId]]]:
        """Record which images services are about to get, or to forget.

        Args:
            wanted: The images, by service.

        Returns:
            What was begun; and the images among these that services still miss, by
            service. Images that somebody is changing are in neither.
        """
        missing: dict[str, list[ImageId]] = {service: [] for service in wanted}
        if not any(wanted.values()):
            return Begun("", []), missing
        with self._lease.transaction() as connection:
            owner = self._lease.owner
            for service, ids in wanted.items():
                missing[service] = _found(connection, _MISSING, ids, service=service)
            free = sorted({i for ids in missing.values() for i in ids})
            if free:
                now = {"owner": owner, "operation": Operation.REPAIR}
                connection.execute(
                    insert(journal),
                    [{"image_id": i, "source": "", "keep": 0, **now} for i in free],
                )
        return Begun(owner, free), missing

    def is_empty(self) -> bool:
        """Whether no change is under way in any process."""
        return not self._database.rows(select(literal(1)).select_from(journal).limit(1))

    def cut_short(self) -> int:
        """Return how many changes were begun and not ended, if we begin none now."""
        gone = {self._lease.owner, *self._ended_leases()}
        rows = self._database.rows(
            select(journal.c.owner, func.count()).group_by(journal.c.owner)
        )
        return sum(count for owner, count in rows if owner in gone)

    def is_alone(self) -> bool:
        """Whether no other process uses this folder, as of the last `left_over`."""
        return not self._files.others()

    def others_live(self) -> bool:
        """Whether another process is using this data folder now."""
        return any(map(self._files.is_held, self._files.others()))

    def abandon(self, begun: Begun) -> None:
        """Remove changes that came to nothing, unless others have taken them over."""
        if begun.ids:
            with self._database.transaction() as connection:
                _strike_out(connection, begun)

    def left_over(self) -> list[JournalEntry]:
        """Take over and return the entries of processes that have died."""
        found: list[JournalEntry] = []
        if self._ended_leases():  # otherwise write nothing: the disk may refuse it
            with self._lease.transaction() as connection:
                owner = self._lease.owner
                gone = self._ended_leases()  # again: others may have been faster
                theirs = journal.c.owner.in_(gone)
                found = _entries(connection.execute(_ENTRIES.where(theirs)))
                connection.execute(update(journal).where(theirs).values(owner=owner))
                connection.execute(
                    update(missed).where(missed.c.worker.in_(gone)).values(worker="")
                )
                connection.execute(delete(leases).where(leases.c.owner.in_(gone)))
            found = [replace(entry, owner=owner) for entry in found]
        for name in self._files.others():
            if not self._files.is_held(name):
                self._files.remove(name)
        return found

    def ours(self) -> list[JournalEntry]:
        """Return the entries of this process, including those it could not end."""
        ours = _ENTRIES.where(journal.c.owner == self._lease.owner)
        return _entries(self._database.rows(ours))

    def still_open(self, entries: Sequence[JournalEntry]) -> list[JournalEntry]:
        """Return those of these entries that have not been ended or replaced since."""
        query = _ENTRIES.where(journal.c.image_id.in_(IDS))
        found = {
            (entry.owner, entry.image_id): entry
            for part in parts([entry.image_id for entry in entries])
            for entry in _entries(self._database.rows(query, {"ids": part}))
        }
        return [e for e in entries if found.get((e.owner, e.image_id)) == e]

    def _ended_leases(self) -> list[str]:
        """Return the leases, other than ours, under which nobody works any more."""
        working = (
            select(journal.c.owner).union(select(leases.c.owner), _WORKERS).subquery()
        )
        rows = self._database.rows(
            select(
                *(working.c.owner, leases.c.file, leases.c.machine, leases.c.lock),
                leases.c.expires_ms <= self._database.now_ms,
            )
            .outerjoin(leases, leases.c.owner == working.c.owner)
            .where(working.c.owner != self._lease.owner)
            .order_by(working.c.owner)
        )
        return [row[0] for row in rows if self._is_gone(row)]

    def _is_gone(self, row: AnyRow) -> bool:
        owner, file, where, lock, has_ended = row
        if file is None:  # given back, or of a version without leases
            return not self._files.is_held(owner)
        if file != self._database.file:  # this is a backup: nobody works on the copy
            return True
        if where == self._files.machine and self._files.is_here(lock):
            return not self._files.is_held(lock.partition(" ")[0])
        return bool(has_ended)  # all we know about the others is the time


def _found(
    connection: Connection, query: Any, ids: Sequence[ImageId], **more: object
) -> list[ImageId]:
    """Return what a query about images finds for all of them."""
    return [
        ImageId(image_id)
        for part in parts(ids)
        for (image_id,) in connection.execute(query, {"ids": part, **more})
    ]


def _set_worker(
    connection: Connection,
    service: str,
    ids: Sequence[ImageId],
    worker: str,
    *,
    of: str | None = None,
) -> None:
    """Record who is working on images for a service.

    Args:
        connection: The connection.
        service: The service.
        ids: The images.
        worker: The new worker; empty for nobody.
        of: Only change entries of this worker.
    """
    its = missed.c.service == service
    if of is not None:
        its &= missed.c.worker == of
    for part in parts(ids):
        connection.execute(
            update(missed).where(its, missed.c.image_id.in_(part)).values(worker=worker)
        )


def _entries(rows: Iterable[AnyRow]) -> list[JournalEntry]:
    return [
        JournalEntry(ImageId(image_id), Operation(operation), source, bool(keep), owner)
        for image_id, operation, source, keep, owner in rows
    ]


def changing(connection: Connection, ids: Sequence[ImageId]) -> list[ImageId]:
    """Return the images whose change is under way or was interrupted."""
    return _found(connection, _CHANGING, ids)


def is_repaired(connection: Connection, image_id: ImageId) -> bool:
    """Whether a service is just getting an image that it missed, or forgetting it."""
    repaired = _CHANGING.where(journal.c.operation == Operation.REPAIR)
    return bool(_found(connection, repaired, [image_id]))


def end(connection: Connection, begun: Begun | None) -> None:
    """Remove entries, in the transaction that commits their change.

    Raises:
        TakenOverError: If others have taken one over.
    """
    if begun is not None and _strike_out(connection, begun) != len(set(begun.ids)):
        raise TakenOverError(TAKEN_OVER)


def _strike_out(connection: Connection, begun: Begun) -> int:
    return sum(
        connection.execute(_STRIKE_OUT, {"lease": begun.owner, "ids": part}).rowcount
        for part in parts(begun.ids)
    )
