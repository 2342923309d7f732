"""A store of features together with an index that follows every change."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Generic

from ambience.core.features import Feature, FeatureSpec, ImageId
from ambience.engine.collection import CollectionStatus, Reading
from ambience.engine.embedded.index_follower import IndexFollower, IndexT
from ambience.engine.embedded.store import FeatureStore


class StoredFeatures(ABC, Generic[IndexT]):
    """What both kinds of collection share; see `ambience.engine.Features`.

    Every change is written to the store first. The index then reads it from the store,
    just as it reads the changes that other processes make there.

    Args:
        store: The features.
        follower: The index that follows the store.
    """

    def __init__(self, store: FeatureStore, follower: IndexFollower[IndexT]) -> None:
        self._store = store
        self._follower = follower

    @property
    def spec(self) -> FeatureSpec:
        """The specification of the features."""
        return self._store.spec

    def __len__(self) -> int:
        return len(self._store)

    def put(self, features: Mapping[ImageId, Feature]) -> None:
        """Add or replace features, all of them or none."""
        self._store.put(features)
        self._catch_up()

    def remove(self, ids: Sequence[ImageId]) -> list[ImageId]:
        """Remove features, all at once; return the ids that were stored."""
        known = self._store.remove(ids)
        self._catch_up()
        return known

    def get(self, ids: Sequence[ImageId]) -> dict[ImageId, Feature]:
        """Return the features of images, without the images that have none."""
        return self._store.get(ids)

    def ids(
        self, *, after: ImageId | None = None, limit: int | None = None
    ) -> list[ImageId]:
        """Return at most ``limit`` ids above ``after``, in ascending order."""
        return self._store.ids(after=after, limit=limit)

    def highest_id(self, *, below: int) -> ImageId | None:
        """Return the highest id below a bound that was ever stored here."""
        return self._store.highest_id(below=below)

    def readings(self, *, after: ImageId | None = None) -> Iterator[Reading]:
        """Read every feature, in ascending order of ids, to find damaged ones."""
        return self._store.readings(after=after)

    def damaged(self, ids: Sequence[ImageId]) -> list[ImageId]:
        """Return which of these images have damaged features."""
        return self._store.damaged(ids)

    def remove_damaged(self, ids: Sequence[ImageId]) -> list[ImageId]:
        """Remove the damaged features among these; return their images."""
        return self._store.remove_damaged(ids)

    def add_checksums(self, ids: Sequence[ImageId]) -> None:
        """Add a checksum to the features among these that have none."""
        self._store.add_checksums(ids)

    def status(self) -> CollectionStatus:
        """Return the state of the collection."""
        return CollectionStatus(
            count=len(self._store),
            rows=len(self._follower.index),
            index=self._kind(),
            lag=self._follower.lag,
            store_id=self._store.store_id,
            seq=self._store.last_seq(),
        )

    @abstractmethod
    def rebuild(self) -> None:
        """Build a new index from the stored features and switch to it."""

    def snapshot(self) -> None:
        """Save the index if it changed since it was last saved."""
        self._follower.snapshot()

    def close(self) -> None:
        """Save the index if anything changed, and release the files."""
        self._follower.close()
        self._store.close()

    def _kind(self) -> str:
        return self._follower.index.kind

    def _catch_up(self) -> None:
        """Bring the index up to date."""
        self._follower.catch_up()
