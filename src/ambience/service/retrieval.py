"""Adds, removes and finds images by one kind of likeness, one feature an image."""

import logging
import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ambience.core.errors import BadParameterError, CorruptDataError
from ambience.core.features import (
    Extractor,
    Feature,
    Image,
    ImageId,
    Query,
    Turning,
)
from ambience.core.matches import Answer, Match
from ambience.index import Neighbor, VectorIndex
from ambience.index.flat import FlatIndex
from ambience.index.hamming import HammingIndex
from ambience.index.snapshot import Snapshots
from ambience.store import FeatureStore

_log = logging.getLogger(__name__)

# A start replays what came after the newest snapshot, at some 300,000 changes a
# second; a snapshot is due when that would be noticed, and a large index changed much.
_SNAPSHOT_CHANGES = 20_000
_SNAPSHOT_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """How a service is doing.

    Attributes:
        count: Images stored.
        rows: Rows that a search looks through.
        index: Kind of index.
        lag: Changes stored and not yet in the index.
        spec: The feature specification, as JSON values.
    """

    count: int
    rows: int
    index: str
    lag: int
    spec: Mapping[str, Any]


class RetrievalService:
    """One kind of likeness: what is stored is searched.

    Every change is written to the store first; the index then reads it from there, as
    it reads the changes of other processes on the same store. Searches run at once
    with each other and with changes, and see every change that ended before they began.

    Args:
        name: Of the service.
        extractor: Makes its features.
        store: Keeps them.
        index: Empty; it is filled from the newest snapshot and the store.
        snapshots: Where snapshots of the index are.
        min_quality: Features below it are stored but prove nothing: they are neither
            found nor searched with.
    """

    def __init__(  # noqa: PLR0913 -- its parts, each passed in by name
        self,
        *,
        name: str,
        extractor: Extractor,
        store: FeatureStore,
        index: VectorIndex,
        snapshots: Snapshots,
        min_quality: float = 0.0,
    ) -> None:
        self.name = name
        self.extractor = extractor
        self.store = store
        self._index = index
        self._snapshots = snapshots
        self._min_quality = min_quality
        self._changing = threading.Lock()  # one thread brings the index up to date
        self._snapshotting = threading.Lock()
        self._snapshot_thread: threading.Thread | None = None
        self._seq = self._saved_seq = self._restore()
        self._catch_up()

    def close(self) -> None:
        """Write a snapshot if anything changed since the last; release the files."""
        thread = self._snapshot_thread
        if thread is not None:
            thread.join()
        self._snapshot_quietly()
        self.store.close()

    def status(self) -> ServiceStatus:
        """Return how the service is doing."""
        return ServiceStatus(
            count=len(self.store),
            rows=len(self._index),
            index=type(self._index).__name__,
            lag=self.store.last_seq() - self._seq,
            spec=self.store.spec.as_dict(),
        )

    def add(self, images: Mapping[ImageId, Image]) -> None:
        """Extract and keep the features of images; adding an id again replaces it."""
        features = self.extractor.extract(list(images.values()))
        self.add_features(dict(zip(images, features, strict=True)))

    def add_features(self, features: Mapping[ImageId, Feature]) -> None:
        """Keep features that were extracted elsewhere; all of them, or none."""
        self.store.put(features)
        self._catch_up()

    def remove(self, ids: Sequence[ImageId]) -> list[ImageId]:
        """Forget images; return those that were known."""
        known = self.store.remove(ids)
        self._catch_up()
        return known

    def search(
        self, image: Image, *, k: int | None = None, radius: float | None = None
    ) -> Answer:
        """Find the images most like one, nearest first.

        Args:
            image: What to search with.
            k: How many at most; or
            radius: how far at most. Exactly one of the two.

        Raises:
            BadParameterError: If both or none of ``k`` and ``radius`` are given.
        """
        return self._answer(self.extractor.query(image), k=k, radius=radius)

    def search_by_id(
        self, image_id: ImageId, *, k: int | None = None, radius: float | None = None
    ) -> Answer:
        """Find images like a known one, which itself is left out.

        Raises:
            NotFoundError: If ``image_id`` is unknown.
            BadParameterError: As for `search`.
        """
        query = self.extractor.query_from(self.store.get(image_id))
        answer = self._answer(query, k=None if k is None else k + 1, radius=radius)
        others = tuple(m for m in answer.matches if m.image_id != image_id)
        return Answer(others[:k], answer.note)

    def compare(self, image_id: ImageId, others: Sequence[ImageId]) -> list[Match]:
        """Return how far some known images are from another, nearest first.

        Images that are not known here, or of too little quality, are left out.
        """
        if image_id not in self.store:
            return []
        query = self.extractor.query_from(self.store.get(image_id))
        if query.quality < self._min_quality:
            return []
        good = [
            other
            for other in others
            if other in self.store
            and self.store.get(other).quality >= self._min_quality
        ]
        owners, rows = self.store.rows_of(good)
        index = FlatIndex(self.store.spec)
        index.add([ImageId(owner) for owner in owners.tolist()], rows)
        near = index.search(query.rows, k=max(1, len(good)))
        return [_match(neighbor, query) for neighbor in near]

    def groups(self, *, radius: float, turned: bool = False) -> list[list[ImageId]]:
        """Return the groups of images that chains of near ones connect.

        Args:
            radius: How far neighbors in a chain may be apart.
            turned: Whether turned and mirrored versions count as near, too.

        Raises:
            BadParameterError: If this kind of feature has no groups.
        """
        self._catch_up()
        ways = self.extractor if isinstance(self.extractor, Turning) else None
        if not isinstance(self._index, HammingIndex) or (turned and ways is None):
            raise BadParameterError(f"{self.name} does not group images")
        return self._index.groups(
            radius=radius,
            turned=ways.turned if turned and ways is not None else None,
            threads=os.cpu_count() or 1,
        )

    def rebuild(self, index: VectorIndex) -> None:
        """Fill a fresh index from the store and use it from then on.

        Searches go on with the old one meanwhile.
        """
        with self._changing, self._snapshotting:
            seq = self._replay(index, since=0)
            self._index = index
            self._seq, self._saved_seq = seq, -1
        self.snapshot()

    def snapshot(self) -> None:
        """Write the index to disk if it changed since the last time."""
        with self._snapshotting:
            seq, index = self._seq, self._index
            if seq != self._saved_seq:
                self._snapshots.write(
                    index, seq=seq, store_id=self.store.store_id, spec=self.store.spec
                )
                self._saved_seq = seq

    def _answer(self, query: Query, *, k: int | None, radius: float | None) -> Answer:
        if query.quality < self._min_quality:
            return Answer(
                note="the image is nearly flat: there is too little in it to compare"
            )
        self._catch_up()
        match (k, radius):
            case (int(), None):
                near = self._index.search(query.rows, k=k)
            case (None, float() | int()):
                near = self._index.within(query.rows, radius=radius)
            case _:
                raise BadParameterError("give exactly one of k and radius")
        return Answer(tuple(_match(neighbor, query) for neighbor in near))

    def _restore(self) -> int:
        """Load the newest usable snapshot; return how far it goes, 0 without one."""
        newest = self._snapshots.newest(self.store.store_id, self.store.spec)
        if newest is None:
            return 0
        folder, seq = newest
        if seq > self.store.last_seq():  # the store was put back to an earlier state
            return 0
        try:
            self._index.load(folder)
        except CorruptDataError as error:
            _log.warning("%s: the index is made anew (%s)", self.name, error)
            return 0
        return seq

    def _catch_up(self) -> None:
        """Bring the index up to date with the store."""
        if self.store.last_seq() == self._seq:
            return
        with self._changing:
            self._seq = self._replay(self._index, since=self._seq)
            due = max(_SNAPSHOT_CHANGES, _SNAPSHOT_SHARE * len(self._index))
            at_work = self._snapshot_thread
            if self._seq - self._saved_seq > due and (
                at_work is None or not at_work.is_alive()
            ):
                self._snapshot_thread = threading.Thread(
                    target=self._snapshot_quietly, name=f"{self.name}-snapshot"
                )
                self._snapshot_thread.start()

    def _replay(self, index: VectorIndex, *, since: int) -> int:
        """Apply what the store holds after ``since``; return how far that went."""
        # An empty index has nothing to replace, until images change meanwhile.
        new_until = 0 if len(index) else self.store.last_seq()
        for changes in self.store.changes(since):
            good = changes.qualities >= self._min_quality
            ids = [ImageId(i) for i in changes.row_ids[good].tolist()]
            gone = changes.ids if changes.seq > new_until else ()
            index.replace(gone, ids, changes.rows[good])
            since = changes.seq
        return since

    def _snapshot_quietly(self) -> None:
        try:
            self.snapshot()
        except OSError:
            _log.exception("%s: the snapshot of the index was not written", self.name)


def _match(neighbor: Neighbor, query: Query) -> Match:
    details = {}
    if query.orientations:
        details["orientation"] = str(query.orientations[neighbor.version])
    return Match(neighbor.image_id, neighbor.distance, details)
