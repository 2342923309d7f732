"""What an engine promises: a collection stores a service's features and searches them.

There are two kinds of collection. One holds vectors, and a search returns the nearest
images. The other holds many local descriptors per image; a search returns the nearest
descriptors, and counting votes is up to the caller. Both store features the same way.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ambience.core.features import Feature, FeatureSpec, ImageId, Rows

TurnRows = Callable[[Rows], Iterator[Rows]]
"""Returns rows of shape ``(n, dim)`` turned or mirrored, one orientation at a time."""


@dataclass(frozen=True, slots=True)
class Neighbor:
    """One image near a query.

    Attributes:
        image_id: The image.
        distance: From the query to the image's nearest row, divided by the scale of
            the spec.
        query_row: Position of the query row at that distance; the first, on a tie.
    """

    image_id: ImageId
    distance: float
    query_row: int


@dataclass(frozen=True, slots=True)
class CollectionStatus:
    """The state of a collection.

    Attributes:
        count: Number of images stored.
        rows: Number of rows that a search looks through.
        index: The kind of index, and whether it is being trained.
        lag: Number of changes that searches don't see yet.
        store_id: Identifies the store. It changes when the store was lost and created
            again.
        seq: Number of the newest change. It drops when an old copy of the store was
            restored.
    """

    count: int
    rows: int
    index: str
    lag: int
    store_id: str
    seq: int


@dataclass(frozen=True, slots=True)
class Reading:
    """The result of reading a batch of features to look for damage.

    Attributes:
        last: The last image that was read.
        ids: Images whose features were read, without the removed ones.
        damaged: Images whose bytes have changed since they were written.
        without_checksum: Number of features from before there were checksums, whose
            damage can't be noticed.
    """

    last: ImageId
    ids: Sequence[ImageId]
    damaged: Sequence[ImageId]
    without_checksum: int


@dataclass(frozen=True, slots=True, eq=False)
class DescriptorNeighbors:
    """The ``k`` nearest stored descriptors of each of a query's ``q`` descriptors.

    Attributes:
        distances: Shape ``(q, k)``, ``float64``, nearest first, not divided by the
            scale of the spec; ``inf`` where fewer than ``k`` were found.
        image_ids: Shape ``(q, k)``, ``int64``: the image of each descriptor; -1 where
            fewer were found, or where the image has just been removed.
        angles: Shape ``(q, k)``, ``uint8``: the orientation of each, in 256ths of a
            turn.
        scales: Shape ``(q, k)``, ``int64``: the size of each, 0 to 255, in sixteenths
            of an octave.
    """

    distances: NDArray[np.float64]
    image_ids: NDArray[np.int64]
    angles: NDArray[np.uint8]
    scales: NDArray[np.int64]


class Features(Protocol):
    """The features of one service, stored durably.

    Every method may be called from any thread. Once a change has returned, it survives
    a crash, and every search that starts later sees it.

    A feature whose bytes were damaged on disk counts as absent until it is put again.
    """

    @property
    def spec(self) -> FeatureSpec:
        """What the features are."""
        ...

    def __len__(self) -> int:
        """Return the number of images stored."""
        ...

    def put(self, features: Mapping[ImageId, Feature], /) -> None:
        """Add or replace features, all of them or none."""
        ...

    def remove(self, ids: Sequence[ImageId], /) -> list[ImageId]:
        """Remove features, all at once; return the ids that were stored."""
        ...

    def get(self, ids: Sequence[ImageId], /) -> dict[ImageId, Feature]:
        """Return the features of images, without the images that have none.

        Qualities may be rounded to steps of 1/255.
        """
        ...

    def ids(
        self, *, after: ImageId | None = None, limit: int | None = None
    ) -> list[ImageId]:
        """Return at most ``limit`` ids above ``after``, in ascending order."""
        ...

    def highest_id(self, *, below: int) -> ImageId | None:
        """Return the highest id below a bound that was ever stored here.

        Removed images count, because their ids must not be assigned again.
        """
        ...

    def readings(self, *, after: ImageId | None = None) -> Iterator[Reading]:
        """Read every feature, in ascending order of ids, to find damaged ones."""
        ...

    def damaged(self, ids: Sequence[ImageId], /) -> list[ImageId]:
        """Return which of these images have damaged features."""
        ...

    def remove_damaged(self, ids: Sequence[ImageId], /) -> list[ImageId]:
        """Remove the damaged features among these; return their images."""
        ...

    def add_checksums(self, ids: Sequence[ImageId], /) -> None:
        """Add a checksum to the features among these that have none."""
        ...

    def status(self) -> CollectionStatus:
        """Return the state of the collection."""
        ...

    def rebuild(self) -> None:
        """Build a new index from the stored features and switch to it."""
        ...

    def snapshot(self) -> None:
        """Save the index if anything changed, so that the next start is fast."""
        ...

    def close(self) -> None:
        """Save the index if anything changed, and release everything."""
        ...


class Collection(Features, Protocol):
    """Features that are compared row by row, with the metric of their spec.

    Features below the collection's minimum quality are stored, but never found and
    never grouped.
    """

    def nearest(self, rows: Rows, *, k: int) -> list[Neighbor]:
        """Return the ``k`` nearest images, or all of them if there are fewer.

        Args:
            rows: The rows of one query, shape ``(q, dim)``; the nearest of them counts.
            k: At least 1.

        Returns:
            Each image once, sorted by ``(distance, image_id)``.
        """
        ...

    def within(self, rows: Rows, *, radius: float) -> list[Neighbor]:
        """Return every image at most ``radius`` away, sorted like `nearest`."""
        ...

    def nearby_rows(
        self, rows: Rows, *, k: int | None = None, radius: float | None = None
    ) -> tuple[NDArray[np.int64], Rows]:
        """Return the rows of images near a query, to rank them by another measure.

        Args:
            rows: As for `nearest`.
            k: How many images; or
            radius: how far away. There may be more of either, where it is easier to
                give rows than to choose among them.

        Returns:
            Whose row each is, shape ``(n,)``, -1 for a row that is nobody's; and the
            rows, shape ``(n, dim)``, not to be changed.
        """
        ...

    def groups(
        self, *, radius: float, turn: TurnRows | None = None
    ) -> list[list[ImageId]]:
        """Return the groups of images that chains of near images connect.

        Args:
            radius: The largest distance of neighbors in a chain.
            turn: Also compares each row with the turned versions of the others.

        Returns:
            Each group sorted, and the groups sorted by their first image.
        """
        ...


class DescriptorCollection(Features, Protocol):
    """Features of many local descriptors per image: rows of `core.keypoints`."""

    def nearest(
        self, rows: Rows, *, k: int, nprobe: int | None = None
    ) -> DescriptorNeighbors:
        """Return the nearest stored descriptors of each query descriptor.

        Args:
            rows: Keypoints without frames, shape ``(q, dim)``.
            k: Neighbors per query descriptor, at least 1.
            nprobe: Lists of a trained index to search per query descriptor; ``None``
                leaves the choice to the engine.

        Raises:
            BadInputError: If the rows have the wrong shape or dtype.
        """
        ...

    def train(self) -> bool:
        """Fit the index to the stored features; return whether there were any."""
        ...


class Engine(Protocol):
    """Opens the collections of services.

    Every method raises `StoredDataError` if the stored data can't be used, with a
    message that says how to repair it.
    """

    def vectors(
        self, name: str, spec: FeatureSpec, *, min_quality: float = 0.0
    ) -> Collection:
        """Open the collection of a service with one vector per image.

        Args:
            name: The service.
            spec: The specification of its features.
            min_quality: Features below it are stored, but never found or grouped.
        """
        ...

    def descriptors(
        self, name: str, spec: FeatureSpec, *, threads: int = 1
    ) -> DescriptorCollection:
        """Open the collection of a service with many local descriptors per image.

        Args:
            name: The service.
            spec: The specification of its features.
            threads: Number of threads that share one search.
        """
        ...
