"""Keeps an index in step with its store, through restarts and changes elsewhere."""

import logging
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from ambience.core.errors import CorruptDataError
from ambience.core.features import ImageId
from ambience.engine.embedded.index import Index
from ambience.engine.embedded.snapshots import Snapshots
from ambience.engine.embedded.store import Changes, FeatureStore

_log = logging.getLogger(__name__)

# A start replays what came after the newest snapshot, at some 300,000 changes a
# second; a snapshot is due when that would be noticed, and a large index changed much.
_SNAPSHOT_CHANGES = 20_000
_SNAPSHOT_SHARE = 0.05

IndexT = TypeVar("IndexT", bound=Index)
Wanted = Callable[[Changes], NDArray[np.bool_]]
"""Tells which of the changed rows belong in the index, shape ``(n,)``."""


class IndexFollower(Generic[IndexT]):
    """An index that reads every change from the store, those of other processes too.

    Args:
        name: Of the service.
        store: The truth.
        index: Empty; it becomes what the newest snapshot holds.
        snapshots: Where snapshots of the index are.
        wanted: Which rows are searched.
        fresh: Returns the index to fill from the store when there is no snapshot;
            ``None``: the same.
    """

    def __init__(  # noqa: PLR0913 -- its parts, each passed in by name
        self,
        name: str,
        store: FeatureStore,
        index: IndexT,
        *,
        snapshots: Snapshots,
        wanted: Wanted,
        fresh: Callable[[], IndexT] | None = None,
    ) -> None:
        self._name = name
        self.store = store
        self._wanted = wanted
        self._snapshots = snapshots
        self.index = index
        self._changing = threading.Lock()  # one thread brings the index up to date
        self._snapshotting = threading.Lock()
        self._snapshot_thread: threading.Thread | None = None
        self._seq = self._saved_seq = self._restore()
        if not self._seq and fresh is not None:
            self.index = fresh()
        self.catch_up()

    def close(self) -> None:
        """Write a snapshot if anything changed since the last."""
        thread = self._snapshot_thread
        if thread is not None:
            thread.join()
        self._snapshot_quietly()

    @property
    def lag(self) -> int:
        """Changes stored and not yet in the index."""
        return self.store.last_seq() - self._seq

    def catch_up(self) -> None:
        """Bring the index up to date with the store."""
        if self.store.last_seq() == self._seq:
            return
        with self._changing:
            self._seq = self._replay(self.index, since=self._seq)
            due = max(_SNAPSHOT_CHANGES, _SNAPSHOT_SHARE * len(self.store))
            at_work = self._snapshot_thread
            if self._seq - self._saved_seq > due and (
                at_work is None or not at_work.is_alive()
            ):
                self._snapshot_thread = threading.Thread(
                    target=self._snapshot_quietly, name=f"{self._name}-snapshot"
                )
                self._snapshot_thread.start()

    def rebuild(
        self, index: IndexT, *, stop: Callable[[], bool] = lambda: False
    ) -> bool:
        """Fill a fresh index from the store and use it from then on.

        Meanwhile, searches go on with the old one, and it still follows changes.

        Args:
            index: Empty.
            stop: Asked now and then whether to leave everything as it was.

        Returns:
            Whether the fresh index is in use: not if it was stopped.
        """
        # The long part holds up nobody; what changed during it comes with the lock.
        seq = self._replay(index, since=0, stop=stop)
        with self._changing, self._snapshotting:
            if stop():
                return False
            self._seq = self._replay(index, since=seq)
            self._saved_seq = -1
            self.index = index
        self.snapshot()
        return True

    def snapshot(self) -> None:
        """Write the index to disk if it changed since the last time, and may be."""
        if self.store.readonly:
            return
        with self._snapshotting:
            seq, index = self._seq, self.index
            if seq != self._saved_seq:
                self._snapshots.write(
                    index, seq=seq, store_id=self.store.store_id, spec=self.store.spec
                )
                self._saved_seq = seq

    def _restore(self) -> int:
        """Load the newest usable snapshot; return how far it goes, 0 without one."""
        newest = self._snapshots.newest(self.store.store_id, self.store.spec)
        if newest is None:
            return 0
        folder, seq = newest
        if seq > self.store.last_seq():  # the store was put back to an earlier state
            return 0
        try:
            self.index.load(folder)
        except CorruptDataError as error:
            _log.warning("%s: the index is made anew (%s)", self._name, error)
            return 0
        return seq

    def _replay(
        self, index: IndexT, *, since: int, stop: Callable[[], bool] = lambda: False
    ) -> int:
        """Apply what the store holds after ``since``; return how far that went."""
        # An empty index has nothing to replace, until images change in the meantime.
        new_until = 0 if len(index) else self.store.last_seq()
        for changes in self.store.changes(since):
            wanted = self._wanted(changes)
            ids = [ImageId(i) for i in changes.row_ids[wanted].tolist()]
            gone = changes.ids if changes.seq > new_until else ()
            index.replace(gone, ids, changes.rows[wanted])
            since = changes.seq
            if stop():
                break
        return since

    def _snapshot_quietly(self) -> None:
        try:
            self.snapshot()
        except OSError:
            _log.exception("%s: the snapshot of the index was not written", self._name)
