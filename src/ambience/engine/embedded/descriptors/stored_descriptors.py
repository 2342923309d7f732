"""A collection of local descriptors: a store, and an index trained as it grows."""

from ambience.core.features import Rows
from ambience.core.keypoints import without_frames
from ambience.engine.collection import DescriptorNeighbors
from ambience.engine.embedded.descriptors.descriptor_index import DescriptorIndex
from ambience.engine.embedded.descriptors.quantizer import Quantizer
from ambience.engine.embedded.descriptors.training import Trainer, first_index
from ambience.engine.embedded.index_follower import IndexFollower
from ambience.engine.embedded.snapshots import Snapshots
from ambience.engine.embedded.store import FeatureStore
from ambience.engine.embedded.stored_features import StoredFeatures


class StoredDescriptors(StoredFeatures[DescriptorIndex]):
    """The embedded engine's `ambience.engine.DescriptorCollection`.

    The index of a small library is exact. In a larger one, it is trained in the
    background whenever it has grown to four times its size at the last training.

    Args:
        name: The service.
        store: The features.
        snapshots: Where the index is saved.
        threads: Number of threads that share one search.
    """

    def __init__(
        self, name: str, store: FeatureStore, snapshots: Snapshots, *, threads: int
    ) -> None:
        def make_index(quantizer: Quantizer | None = None) -> DescriptorIndex:
            return DescriptorIndex(quantizer, threads=threads)

        follower = IndexFollower(
            name,
            store,
            make_index(),
            snapshots=snapshots,
            wanted=lambda changes: without_frames(changes.rows),
            fresh=lambda: first_index(store, make_index),
        )
        super().__init__(store, follower)
        self._make_index = make_index
        self._trainer = Trainer(name, follower, make_index)
        self._trainer.train_if_due()

    def nearest(
        self, rows: Rows, *, k: int, nprobe: int | None = None
    ) -> DescriptorNeighbors:
        """Return the nearest stored descriptors of each query descriptor."""
        self._catch_up()
        return self._follower.index.nearest(rows, k=k, nprobe=nprobe)

    def rebuild(self) -> None:
        """Build a new index from the store, with the current quantizer."""
        self._follower.rebuild(self._make_index(self._follower.index.quantizer))

    def train(self) -> bool:
        """Train the index on the stored descriptors; return whether there were any."""
        self._follower.catch_up()
        return self._trainer.train()

    def close(self) -> None:
        """Stop training, save the index if it changed, and close the files."""
        self._trainer.close()
        super().close()

    def _kind(self) -> str:
        kind = super()._kind()
        return f"{kind}, training" if self._trainer.active else kind

    def _catch_up(self) -> None:
        super()._catch_up()
        self._trainer.train_if_due()
