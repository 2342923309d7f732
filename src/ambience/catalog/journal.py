"""Changes under way, so that one cut short is finished or undone at the next start."""

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
from ambience.catalog.database import AnyRow, Database
from ambience.catalog.lease import LEASE_S, TAKEN_OVER, Lease
from ambience.catalog.lock_files import LockFiles
from ambience.catalog.many import IDS, parts, upsert
from ambience.catalog.schema import images, journal, leases, missed
from ambience.core.errors import BusyError, TakenOverError
from ambience.core.features import ImageId


class Operation(StrEnum):
    """What is being done to an image."""

    PUT = "put"
    DELETE = "delete"
    REPAIR = "repair"  # a service gets what it missed; the catalog stays as it is


@dataclass(frozen=True, slots=True)
class Begun:
    """Changes that the journal knows of, for whoever may end them.

    Attributes:
        owner: The lease under which they are done.
        ids: Of the images.
    """

    owner: str
    ids: Sequence[ImageId]


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One change that a process began and did not end.

    Attributes:
        image_id: Of what.
        operation: What was being done.
        source: Staged bytes of the new image, relative to ``staging/``; empty if
            there are none.
        keep: Whether they are to become an original.
        owner: The lease under which it is done; empty before it is begun.
    """

    image_id: ImageId
    operation: Operation
    source: str = ""
    keep: bool = False
    owner: str = field(default="", compare=False)

    @property
    def begun(self) -> Begun:
        """What ends it."""
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
    """Says which images this process is changing, durably, before it does.

    A process does so under a lease. Entries whose lease has ended are left over, and
    so, at once, are those of a process whose lock file in the same folder of the same
    machine is no longer held, as it died.

    Args:
        database: Holds the entries.
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
        """See to it that changes may go on; see `Lease.check`."""
        self._lease.check(begun.owner)

    def begin(
        self, entries: Sequence[JournalEntry], *, new: Sequence[ImageId] = ()
    ) -> Begun:
        """Write down changes before they are made.

        An entry that this process could not end before is taken over.

        Args:
            entries: What will be done.
            new: Those of the images that were not there when their key was reserved.

        Raises:
            BusyError: If another process is changing one of the images, or one of
                ``new`` is there by now.
        """
        wanted = [entry.image_id for entry in entries]
        with self._lease.transaction() as connection:
            owner = self._lease.owner
            ids_.claim(connection, wanted)
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
        """Take work that waits, so that no other process does the same meanwhile.

        It is ours until it is settled or given back, or our lease ends. Nobody is kept
        from changing the images.

        Args:
            wanted: By service, images that it has still to get.

        Returns:
            Those of them that still wait, and that no other process has taken.
        """
        taken: dict[str, list[ImageId]] = {}
        if not any(wanted.values()):
            return taken
        with self._lease.transaction() as connection:
            owner = self._lease.owner
            free = ["", owner, *self._gone()]
            for service, ids in wanted.items():
                taken[service] = _found(
                    connection, _UNTAKEN, ids, service=service, free=free
                )
                _give(connection, service, taken[service], owner)
        return taken

    def give_back(self, taken: Mapping[str, Sequence[ImageId]]) -> None:
        """Let others have work that was taken and not done."""
        if any(taken.values()):
            with self._database.transaction() as connection:
                for service, ids in taken.items():
                    _give(connection, service, ids, "", of=self._lease.owner)

    def begin_repair(
        self, wanted: Mapping[str, Sequence[ImageId]]
    ) -> tuple[Begun, dict[str, list[ImageId]]]:
        """Write down which images services are about to get, or to forget.

        Args:
            wanted: By service, those.

        Returns:
            What was begun, and of that, by service, what it still misses. Images that
            somebody is changing are in neither.
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
        """Whether no change at all is under way, in any process."""
        return not self._database.rows(select(literal(1)).select_from(journal).limit(1))

    def cut_short(self) -> int:
        """Return how many changes were begun and not ended, while we begin none."""
        gone = {self._lease.owner, *self._gone()}
        rows = self._database.rows(
            select(journal.c.owner, func.count()).group_by(journal.c.owner)
        )
        return sum(count for owner, count in rows if owner in gone)

    def is_alone(self) -> bool:
        """Whether no other process uses this folder, as `left_over` saw it."""
        return not self._files.others()

    def others_live(self) -> bool:
        """Whether another process has this data folder in use now."""
        return any(map(self._files.is_held, self._files.others()))

    def abandon(self, begun: Begun) -> None:
        """Forget changes that came to nothing, unless others have taken them over."""
        if begun.ids:
            with self._database.transaction() as connection:
                _strike_out(connection, begun)

    def left_over(self) -> list[JournalEntry]:
        """Take over and return the entries of processes that are no more."""
        found: list[JournalEntry] = []
        if self._gone():  # else nothing is written, on a disk that may refuse it
            with self._lease.transaction() as connection:
                gone, owner = self._gone(), self._lease.owner  # nobody else is so far
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
        """Return the entries of this process, those that it could not end included."""
        ours = _ENTRIES.where(journal.c.owner == self._lease.owner)
        return _entries(self._database.rows(ours))

    def still_open(self, entries: Sequence[JournalEntry]) -> list[JournalEntry]:
        """Return those of these entries that nothing has ended or replaced since."""
        query = _ENTRIES.where(journal.c.image_id.in_(IDS))
        found = {
            (entry.owner, entry.image_id): entry
            for part in parts([entry.image_id for entry in entries])
            for entry in _entries(self._database.rows(query, {"ids": part}))
        }
        return [e for e in entries if found.get((e.owner, e.image_id)) == e]

    def _gone(self) -> list[str]:
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
        if file != self._database.file:  # a backup: nobody is at work on this copy
            return True
        if where == self._files.machine and self._files.is_here(lock):
            return not self._files.is_held(lock.partition(" ")[0])
        return bool(has_ended)  # of others nothing is known but the time


def _found(
    connection: Connection, query: Any, ids: Sequence[ImageId], **more: object
) -> list[ImageId]:
    """Return what a query about some images finds in all parts of them."""
    return [
        ImageId(image_id)
        for part in parts(ids)
        for (image_id,) in connection.execute(query, {"ids": part, **more})
    ]


def _give(
    connection: Connection,
    service: str,
    ids: Sequence[ImageId],
    worker: str,
    *,
    of: str | None = None,
) -> None:
    """Say who is at work on images for a service.

    Args:
        connection: Where.
        service: For whom.
        ids: Of the images.
        worker: Who; empty: nobody.
        of: Only where this one is so far.
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
    """Return those of the images that are being changed, or whose change was cut."""
    return _found(connection, _CHANGING, ids)


def is_repaired(connection: Connection, image_id: ImageId) -> bool:
    """Whether a service is just getting an image that it missed, or forgetting it."""
    repaired = _CHANGING.where(journal.c.operation == Operation.REPAIR)
    return bool(_found(connection, repaired, [image_id]))


def end(connection: Connection, begun: Begun | None) -> None:
    """Strike out entries, in the transaction that makes their change known.

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
