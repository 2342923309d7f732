"""A collection of vectors in this process: a store, and the index for their metric."""

import os

from ambience.core.features import FeatureSpec, ImageId, Metric, Rows
from ambience.engine.collection import Neighbor, Turned
from ambience.engine.embedded.hamming.hamming_index import HammingIndex
from ambience.engine.embedded.index import VectorIndex
from ambience.engine.embedded.index_follower import IndexFollower
from ambience.engine.embedded.reranked.reranked_index import RerankedIndex, RowsOf
from ambience.engine.embedded.snapshots import Snapshots
from ambience.engine.embedded.store import FeatureStore
from ambience.engine.embedded.stored_features import StoredFeatures


class StoredVectors(StoredFeatures[VectorIndex]):
    """The embedded engine's `ambience.engine.Collection`.

    Args:
        name: Of the service.
        store: Keeps the features.
        snapshots: Where the index is saved.
        min_quality: Features below it are kept, but neither found nor grouped.
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
            index_for(store.spec, store.rows_of),
            snapshots=snapshots,
            wanted=lambda changes: changes.qualities >= min_quality,
        )
        super().__init__(store, follower)

    def nearest(self, rows: Rows, *, k: int) -> list[Neighbor]:
        """Return the ``k`` nearest images, by ``(distance, image_id)``."""
        self._catch_up()
        return self._follower.index.nearest(rows, k=k)

    def within(self, rows: Rows, *, radius: float) -> list[Neighbor]:
        """Return every image at most ``radius`` away, sorted as `nearest` does."""
        self._catch_up()
        return self._follower.index.within(rows, radius=radius)

    def groups(
        self, *, radius: float, turned: Turned | None = None
    ) -> list[list[ImageId]]:
        """Return the groups of images that chains of near ones connect."""
        self._catch_up()
        return self._follower.index.groups(
            radius=radius, turned=turned, threads=os.cpu_count() or 1
        )

    def rebuild(self) -> None:
        """Fill a fresh index from the store and use it from then on."""
        store = self._store
        self._follower.rebuild(index_for(store.spec, store.rows_of))


def index_for(spec: FeatureSpec, rows_of: RowsOf) -> VectorIndex:
    """Return an empty index for the metric of a spec.

    Args:
        spec: Of the rows.
        rows_of: Reads stored rows, where an index ranks by them.
    """
    if spec.metric is Metric.HAMMING:
        return HammingIndex(spec)
    return RerankedIndex(spec, rows_of)
