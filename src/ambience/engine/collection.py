"""What an engine promises: a collection keeps a service's features and finds near ones.

There are two kinds of collection. One holds whole vectors, and its nearest rows are the
answer. The other holds many local descriptors an image; it finds the nearest ones, and
counting them is left to whoever asks. Both keep their features alike.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ambience.core.features import Feature, FeatureSpec, ImageId, Rows

Turned = Callable[[Rows], Iterator[Rows]]
"""Turns rows of shape ``(n, dim)`` in one way after another."""


@dataclass(frozen=True, slots=True)
class Neighbor:
    """One image near a query.

    Attributes:
        image_id: The image.
        distance: Of its nearest row, in the unit of the spec (divided by its scale).
        version: Which of the query's rows was that near; the first, on a tie.
    """

    image_id: ImageId
    distance: float
    version: int


@dataclass(frozen=True, slots=True)
class CollectionStatus:
    """How a collection is doing.

    Attributes:
        count: Images kept.
        rows: Rows that a search looks through.
        index: Kind of index, and whether it is being trained.
        lag: Changes that searches don't see yet.
        store_id: Identifies what keeps the features; a new one, where they were lost
            and the store was made anew.
        seq: Number of the newest change; lower than before, where an old copy was
            put back.
    """

    count: int
    rows: int
    index: str
    lag: int
    store_id: str
    seq: int


@dataclass(frozen=True, slots=True)
class Reading:
    """What reading some of the features from end to end has shown.

    Attributes:
        last: The image that it got to.
        ids: Images whose features were read; removed ones are left out.
        damaged: Those whose bytes have changed since they were written.
        without_checksum: How many were written before there were checksums, so that
            changed bytes would go unnoticed.
    """

    last: ImageId
    ids: Sequence[ImageId]
    damaged: Sequence[ImageId]
    without_checksum: int


@dataclass(frozen=True, slots=True, eq=False)
class DescriptorNeighbors:
    """The ``k`` nearest stored descriptors of each of a query's ``q`` descriptors.

    Attributes:
        distances: Shape ``(q, k)``, ``float64``, between the rows as they are, not
            divided by the scale of the spec; nearest first, ``inf`` where there are
            fewer.
        owners: Shape ``(q, k)``, ``int64``: the image of each; -1 where there are
            fewer, or where the image has just been removed.
        angles: Shape ``(q, k)``, ``uint8``: which way each points, in 256ths of a turn.
        scales: Shape ``(q, k)``, ``int64``: how large each is, 0 to 255, in
            sixteenths of an octave.
    """

    distances: NDArray[np.float64]
    owners: NDArray[np.int64]
    angles: NDArray[np.uint8]
    scales: NDArray[np.int64]


class Features(Protocol):
    """The features of one service, kept durably.

    Any number of threads may call anything at once. A change that has returned
    survives a crash, and every search that begins after it sees it.

    A feature whose bytes have changed on disk counts as absent until it is put again.
    """

    @property
    def spec(self) -> FeatureSpec:
        """What the features are."""
        ...

    def __len__(self) -> int:
        """Return how many images are kept."""
        ...

    def put(self, features: Mapping[ImageId, Feature], /) -> None:
        """Add or replace features: all of them, or none."""
        ...

    def remove(self, ids: Sequence[ImageId], /) -> list[ImageId]:
        """Remove features, all at once; return the ids that were there."""
        ...

    def get(self, ids: Sequence[ImageId], /) -> dict[ImageId, Feature]:
        """Return the features of images; absent images are left out.

        Their qualities may be rounded to steps of 1/255.
        """
        ...

    def ids(
        self, *, after: ImageId | None = None, limit: int | None = None
    ) -> list[ImageId]:
        """Return the ids above ``after``, in order, at most ``limit`` of them."""
        ...

    def highest_id(self, *, below: int) -> ImageId | None:
        """Return the highest id below a bound that any image has or had here.

        Images that were removed count, as their ids are not to be given out again.
        """
        ...

    def readings(self, *, after: ImageId | None = None) -> Iterator[Reading]:
        """Read every feature, in order of ids, to find those that were damaged."""
        ...

    def damaged(self, ids: Sequence[ImageId], /) -> list[ImageId]:
        """Return those of these images whose features are damaged."""
        ...

    def remove_damaged(self, ids: Sequence[ImageId], /) -> list[ImageId]:
        """Remove those of these images whose features are damaged; return them."""
        ...

    def add_checksums(self, ids: Sequence[ImageId], /) -> None:
        """Give a checksum to those of these features that have none, as they are."""
        ...

    def status(self) -> CollectionStatus:
        """Return how the collection is doing."""
        ...

    def rebuild(self) -> None:
        """Make the index anew from the features and use it from then on."""
        ...

    def snapshot(self) -> None:
        """Save the index, so that the next start is short, if anything changed."""
        ...

    def close(self) -> None:
        """Save the index if anything changed, and release everything."""
        ...


class Collection(Features, Protocol):
    """Features that are compared row by row, by the metric of their spec.

    Features below the quality that the collection was opened with are kept, but
    neither found nor grouped.
    """

    def nearest(self, rows: Rows, *, k: int) -> list[Neighbor]:
        """Return the ``k`` nearest images, fewer where there are fewer.

        Args:
            rows: One query in ``q`` versions, shape ``(q, dim)``.
            k: At least 1.

        Returns:
            Each image once, sorted by ``(distance, image_id)``.
        """
        ...

    def within(self, rows: Rows, *, radius: float) -> list[Neighbor]:
        """Return every image at most ``radius`` away, sorted as `nearest` does."""
        ...

    def groups(
        self, *, radius: float, turned: Turned | None = None
    ) -> list[list[ImageId]]:
        """Return the groups of images that chains of near ones connect.

        Args:
            radius: How far apart neighbors in a chain may be.
            turned: To compare rows with turned versions of others, too.

        Returns:
            Each group sorted, and the groups sorted by their first.
        """
        ...


class DescriptorCollection(Features, Protocol):
    """Features of many local descriptors each, rows of `ambience.core.keypoints`."""

    def nearest(
        self, rows: Rows, *, k: int, nprobe: int | None = None
    ) -> DescriptorNeighbors:
        """Return the nearest descriptors of each of a query's.

        Args:
            rows: Keypoints without frames, shape ``(q, dim)``.
            k: For each, at least 1.
            nprobe: How many lists of a trained index each looks into; ``None``: as
                many as the engine holds best.

        Raises:
            BadInputError: If the rows have another shape or dtype.
        """
        ...

    def train(self) -> bool:
        """Fit the index to what there is now; return whether there was anything."""
        ...


class Engine(Protocol):
    """Opens the collections of services.

    Every method raises `StoredDataError` when what is kept can't be used, with a
    sentence that says how to mend it.
    """

    def vectors(
        self, name: str, spec: FeatureSpec, *, min_quality: float = 0.0
    ) -> Collection:
        """Open the collection of a service with one feature an image.

        Args:
            name: Of the service.
            spec: What its features are.
            min_quality: Features below it are kept, but neither found nor grouped.
        """
        ...

    def descriptors(
        self, name: str, spec: FeatureSpec, *, threads: int = 1
    ) -> DescriptorCollection:
        """Open the collection of a service with many local descriptors an image.

        Args:
            name: Of the service.
            spec: What its features are.
            threads: How many of this process's may share one search.
        """
        ...
