"""Keeps an index up to date with its store, across restarts and other processes."""

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
from ambience.engine.embedded.store import ChangeBatch, FeatureStore

_log = logging.getLogger(__name__)

# A start replays the changes since the newest snapshot, about 300,000 per second. A new
# snapshot is due once that would be noticeable and a good part of the index changed.
_SNAPSHOT_CHANGES = 20_000
_SNAPSHOT_SHARE = 0.05

IndexT = TypeVar("IndexT", bound=Index)
Wanted = Callable[[ChangeBatch], NDArray[np.bool_]]
"""Returns which rows of a batch belong in the index, shape ``(n,)``."""


class IndexFollower(Generic[IndexT]):
    """An index that reads every change from a store, other processes' changes included.

    Args:
        name: The service.
        store: The features.
        index: An empty index; the newest snapshot is loaded into it.
        snapshots: Where snapshots of the index are saved.
        wanted: Selects the rows that belong in the index.
        fresh: Returns the empty index to fill from the store if there is no snapshot;
            ``None`` fills ``index`` itself.
    """

    def __init__(  # noqa: PLR0913 -- collaborators, passed in by name
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
        self._changing = threading.Lock()  # one thread updates the index
        self._snapshotting = threading.Lock()
        self._snapshot_thread: threading.Thread | None = None
        self._seq = self._saved_seq = self._restore()
        if not self._seq and fresh is not None:
            self.index = fresh()
        self.catch_up()

    def close(self) -> None:
        """Write a snapshot if anything changed since the last one."""
        thread = self._snapshot_thread
        if thread is not None:
            thread.join()
        self._snapshot_quietly()

    @property
    def lag(self) -> int:
        """Number of stored changes that are not in the index yet."""
        return self.store.last_seq() - self._seq

    def catch_up(self) -> None:
        """Bring the index up to date with the store."""
        if self.store.last_seq() == self._seq:
            return
        with self._changing:
            self._seq = self._replay(self.index, since=self._seq)
            due = max(_SNAPSHOT_CHANGES, _SNAPSHOT_SHARE * len(self.store))
            running = self._snapshot_thread
            if self._seq - self._saved_seq > due and (
                running is None or not running.is_alive()
            ):
                self._snapshot_thread = threading.Thread(
                    target=self._snapshot_quietly, name=f"{self._name}-snapshot"
                )
                self._snapshot_thread.start()

    def rebuild(
        self, index: IndexT, *, stop: Callable[[], bool] = lambda: False
    ) -> bool:
        """Fill an empty index from the store and switch to it.

        Meanwhile, searches use the old index, which still follows changes.

        Args:
            index: The empty index.
            stop: Asked now and then whether to give up and keep the old index.

        Returns:
            Whether the new index is in use; ``False`` if it was stopped.
        """
        # The long part blocks nobody. Changes made during it are replayed under lock.
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
        """Save the index if it changed since it was last saved, and may be written."""
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
        """Load the newest usable snapshot; return its last change, 0 without one."""
        newest = self._snapshots.newest(self.store.store_id, self.store.spec)
        if newest is None:
            return 0
        folder, seq = newest
        if seq > self.store.last_seq():  # an older copy of the store was restored
            return 0
        try:
            self.index.load(folder)
        except CorruptDataError as error:
            _log.warning("%s: rebuilding the index (%s)", self._name, error)
            return 0
        return seq

    def _replay(
        self, index: IndexT, *, since: int, stop: Callable[[], bool] = lambda: False
    ) -> int:
        """Apply the changes after ``since``; return the number of the last one."""
        # An empty index has nothing to replace until images change during the replay.
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
            _log.exception("%s: the index snapshot could not be written", self._name)
