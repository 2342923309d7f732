"""A collection of vectors: a store on disk and an index in memory."""

import os

import numpy as np
from numpy.typing import NDArray

from ambience.core.features import ImageId, Metric, Rows
from ambience.engine.collection import Neighbor, TurnRows
from ambience.engine.embedded.hamming.hamming_index import HammingIndex
from ambience.engine.embedded.index import VectorIndex
from ambience.engine.embedded.index_follower import IndexFollower
from ambience.engine.embedded.reranked.reranked_index import RerankedIndex
from ambience.engine.embedded.snapshots import Snapshots
from ambience.engine.embedded.store import FeatureStore
from ambience.engine.embedded.stored_features import StoredFeatures


class StoredVectors(StoredFeatures[VectorIndex]):
    """The embedded engine's `ambience.engine.Collection`.

    Args:
        name: The service.
        store: The features.
        snapshots: Where the index is saved.
        min_quality: Features below it are stored, but never found or grouped.
    """

    def __init__(
        self,
        name: str,
        store: FeatureStore,
        snapshots: Snapshots,
        *,
        min_quality: float = 0.0,
    ) -> None:
        follower = IndexFollower(
            name,
            store,
            empty_index(store),
            snapshots=snapshots,
            wanted=lambda changes: changes.qualities >= min_quality,
        )
        super().__init__(store, follower)

    def nearest(self, rows: Rows, *, k: int) -> list[Neighbor]:
        """Return the ``k`` nearest images, sorted by ``(distance, image_id)``."""
        self._catch_up()
        return self._follower.index.nearest(rows, k=k)

    def within(self, rows: Rows, *, radius: float) -> list[Neighbor]:
        """Return every image at most ``radius`` away, sorted like `nearest`."""
        self._catch_up()
        return self._follower.index.within(rows, radius=radius)

    def nearby_rows(
        self, rows: Rows, *, k: int | None = None, radius: float | None = None
    ) -> tuple[NDArray[np.int64], Rows]:
        """Return the rows of images near a query, to rank them by another measure."""
        self._catch_up()
        index = self._follower.index
        few = index.few_rows()
        if few is not None:
            return few.ids, few.rows
        if k is not None:
            near = index.nearest(rows, k=k)
        else:
            near = index.within(rows, radius=radius or 0)
        return self._store.rows_of([found.image_id for found in near])

    def groups(
        self, *, radius: float, turn: TurnRows | None = None
    ) -> list[list[ImageId]]:
        """Return the groups of images that chains of near images connect."""
        self._catch_up()
        return self._follower.index.groups(
            radius=radius, turn=turn, threads=os.cpu_count() or 1
        )

    def rebuild(self) -> None:
        """Build a new index from the store and switch to it."""
        self._follower.rebuild(empty_index(self._store))


def empty_index(store: FeatureStore) -> VectorIndex:
    """Return an empty index for the metric of a store's features."""
    if store.spec.metric is Metric.HAMMING:
        return HammingIndex(store.spec)
    return RerankedIndex(store.spec, store.rows_of)
