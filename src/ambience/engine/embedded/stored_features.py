"""A service's features in their store, with an index that follows every change."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Generic

from ambience.core.features import Feature, FeatureSpec, ImageId
from ambience.engine.collection import CollectionStatus, Reading
from ambience.engine.embedded.index_follower import IndexFollower, IndexT
from ambience.engine.embedded.store import FeatureStore


class StoredFeatures(ABC, Generic[IndexT]):
    """What both kinds of collection have in common; see `ambience.engine.Features`.

    Every change is written to the store first. The index then reads it from there, as
    it reads the changes of other processes on the same store.

    Args:
        store: Keeps the features.
        follower: The index that follows it.
    """

    def __init__(self, store: FeatureStore, follower: IndexFollower[IndexT]) -> None:
        self._store = store
        self._follower = follower

    @property
    def spec(self) -> FeatureSpec:
        """What the features are."""
        return self._store.spec

    def __len__(self) -> int:
        return len(self._store)

    def put(self, features: Mapping[ImageId, Feature]) -> None:
        """Add or replace features: all of them, or none."""
        self._store.put(features)
        self._catch_up()

    def remove(self, ids: Sequence[ImageId]) -> list[ImageId]:
        """Remove features, all at once; return the ids that were there."""
        known = self._store.remove(ids)
        self._catch_up()
        return known

    def get(self, ids: Sequence[ImageId]) -> dict[ImageId, Feature]:
        """Return the features of images; absent images are left out."""
        return self._store.get(ids)

    def ids(
        self, *, after: ImageId | None = None, limit: int | None = None
    ) -> list[ImageId]:
        """Return the ids above ``after``, in order, at most ``limit`` of them."""
        return self._store.ids(after=after, limit=limit)

    def highest_id(self, *, below: int) -> ImageId | None:
        """Return the highest id below a bound that any image has or had here."""
        return self._store.highest_id(below=below)

    def readings(self, *, after: ImageId | None = None) -> Iterator[Reading]:
        """Read every feature, in order of ids, to find those that were damaged."""
        return self._store.readings(after=after)

    def damaged(self, ids: Sequence[ImageId]) -> list[ImageId]:
        """Return those of these images whose features are damaged."""
        return self._store.damaged(ids)

    def remove_damaged(self, ids: Sequence[ImageId]) -> list[ImageId]:
        """Remove those of these images whose features are damaged; return them."""
        return self._store.remove_damaged(ids)

    def add_checksums(self, ids: Sequence[ImageId]) -> None:
        """Give a checksum to those of these features that have none, as they are."""
        self._store.add_checksums(ids)

    def status(self) -> CollectionStatus:
        """Return how the collection is doing."""
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
        """Make the index anew from the features and use it from then on."""

    def snapshot(self) -> None:
        """Save the index if it changed since the last time."""
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
