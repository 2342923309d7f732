"""A lease: the changes of a process are its own for as long as it renews it."""

import logging
import os
import platform
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy import (
    BindParameter,
    Connection,
    bindparam,
    delete,
    exists,
    insert,
    or_,
    update,
)

from ambience.catalog.database import Database
from ambience.catalog.lock_files import LockFiles
from ambience.catalog.schema import journal, leases, missed
from ambience.core.errors import AmbienceError, TakenOverError
from ambience.core.stoppable_thread import StoppableThread

LEASE_S = 10.0  # if a process is cut off, others wait no longer than that
_BEATS = 4  # renewals in that time: some may fail, or be late on a busy machine
_STOP_S = 5.0  # a database that hangs must not delay the shutdown

TAKEN_OVER: Final = (
    "another process has taken this change over because this one did not renew its "
    "lease in time: try again"
)

_log = logging.getLogger(__name__)

_OWNER: BindParameter[str] = bindparam("lease")
_OURS = leases.c.owner == _OWNER
_HAS_WORK = or_(
    exists().where(journal.c.owner == _OWNER),
    # The first condition lets the index be used, which has only work that is taken.
    exists().where(missed.c.worker != "", missed.c.worker == _OWNER),
)


class Lease:
    """This process's right to what it has begun, as others see it in the database.

    It is taken with the first change, renewed in the background while any is under way,
    and given back after the last one, so an idle process writes nothing. It ends by the
    database's clock. After that, others may take over what was begun under it, and
    remove it in the same transaction; so a process that comes back too late notices,
    and continues under a new one.

    Args:
        database: The catalog's database.
        files: Shows others on this machine at once if this process is dead.
        length_s: How long it lasts unless it is renewed, in seconds.
    """

    def __init__(
        self, database: Database, files: LockFiles, *, length_s: float = LEASE_S
    ) -> None:
        self._database = database
        self._files = files
        self._length_s = length_s
        self._owner = files.name
        self._is_taken = False
        self._ends = 0.0  # by our own clock, never later than by the database's
        self._complaint = ""  # the last one logged
        self._starting = threading.Lock()
        self._beats: StoppableThread | None = None

    @property
    def owner(self) -> str:
        """The name under which the journal knows it."""
        return self._owner

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Write with the lease taken or renewed; see `Database.transaction`."""
        with self._database.transaction() as connection:
            begun = _clock()
            if not self._renewed(connection):
                if self._is_taken:
                    self._lose()
                connection.execute(
                    insert(leases).values(
                        owner=self._owner,
                        expires_ms=self._expires_ms,
                        file=self._database.file,
                        machine=self._files.machine,
                        lock=self._files.own,
                        process=f"{os.getpid()} on {platform.node()}",
                    )
                )
            yield connection
        self._is_taken, self._ends = True, begun + self._length_s
        self._start_beats()

    def check(self, owner: str) -> None:
        """Make sure that a change may go on.

        Args:
            owner: The name under which it was begun.

        Raises:
            TakenOverError: If others may have taken it over.
            AmbienceError: If the lease was not renewed in time, and the database can't
                be asked about it.
        """
        if owner == self._owner and _clock() >= self._ends:
            self._renew()
        if owner != self._owner:
            raise TakenOverError(TAKEN_OVER)

    def close(self) -> None:
        """Give the lease back, even if changes are under way."""
        if self._beats is not None:
            self._beats.stop()
        if self._is_taken:
            try:
                with self._database.transaction() as connection:
                    connection.execute(
                        delete(leases).where(_OURS), {"lease": self._owner}
                    )
            except AmbienceError as error:  # it then ends by itself
                _log.warning("the lease could not be given back: %s", error)

    def _start_beats(self) -> None:
        with self._starting:
            if self._beats is None:
                self._beats = StoppableThread("lease", self._beat, within_s=_STOP_S)
                self._beats.start()

    def _beat(self, stop: threading.Event) -> None:
        while not stop.wait(self._length_s / _BEATS):
            try:
                if self._is_taken:
                    self._renew()
                self._complaint = ""
            except AmbienceError as error:  # the next beat tries again
                if stop.is_set():  # there is none: `close` gives the lease back
                    return
                if self._complaint != str(error):
                    self._complaint = str(error)
                    _log.warning("the lease could not be renewed: %s", error)

    def _renew(self) -> None:
        """Renew the lease, or give it back if nothing is under way."""
        owner, begun = self._owner, _clock()
        idle = delete(leases).where(_OURS, ~_HAS_WORK)
        with self._database.transaction() as connection:
            if owner != self._owner or not self._is_taken:
                return  # another thread was here meanwhile
            if connection.execute(idle, {"lease": owner}).rowcount:
                self._is_taken = False
            elif not self._renewed(connection):
                self._lose()
        self._ends = begun + self._length_s

    def _renewed(self, connection: Connection) -> bool:
        renewed = update(leases).where(_OURS).values(expires_ms=self._expires_ms)
        return bool(connection.execute(renewed, {"lease": self._owner}).rowcount)

    @property
    def _expires_ms(self) -> object:
        return self._database.now_ms + int(1000 * self._length_s)

    def _lose(self) -> None:
        """Take a new name: what was begun under the old one belongs to others now."""
        _log.warning(
            "another process has taken over the changes of this one because its lease "
            "could not be renewed in time"
        )
        self._owner, self._is_taken = uuid.uuid4().hex, False


def _clock() -> float:
    """Return a time in seconds that includes sleep of the machine, if possible."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()
