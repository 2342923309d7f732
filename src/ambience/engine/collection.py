"""What an engine promises: a collection keeps the features of one service and finds.

Two shapes of collection there are: one of whole vectors, where the nearest rows are the
answer, and one of local descriptors, where the owners of the nearest are counted above
the engine. What both keep, they keep alike.
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
        lag: Changes kept and not yet found by searches.
        store_id: Of what keeps the features: another one, where it was lost and made
            anew.
        seq: Of the newest change; less than before, where an old copy was put back.
    """

    count: int
    rows: int
    index: str
    lag: int
    store_id: str
    seq: int


@dataclass(frozen=True, slots=True)
class Reading:
    """What reading some features from end to end has shown.

    Attributes:
        last: The image that it got to.
        ids: Those read, removed ones left out.
        damaged: Those of which bytes have changed since they were written.
        without_checksum: How many were written before there were checksums, so that
            changed bytes would not be noticed.
    """

    last: ImageId
    ids: Sequence[ImageId]
    damaged: Sequence[ImageId]
    without_checksum: int


@dataclass(frozen=True, slots=True, eq=False)
class DescriptorNeighbors:
    """The nearest stored descriptors of each descriptor of a query.

    Attributes:
        distances: Shape ``(q, k)``, ``float64``, in the unit of the spec, nearest
            first; ``inf`` where there are fewer.
        owners: Shape ``(q, k)``, ``int64``: whose each is; -1 where there are fewer.
        angles: Shape ``(q, k)``, ``uint8``: which way each points, in 256ths of a turn.
        scales: Shape ``(q, k)``, ``int64``: how large each is, in eighths of an octave.
    """

    distances: NDArray[np.float64]
    owners: NDArray[np.int64]
    angles: NDArray[np.uint8]
    scales: NDArray[np.int64]


class Features(Protocol):
    """The features of one service, kept to stay.

    Any number of threads may call anything at once. A change that has returned is
    there after a crash, and is seen by every search that begins after it.
    """

    @property
    def spec(self) -> FeatureSpec:
        """What the features are."""
        ...

    def put(self, features: Mapping[ImageId, Feature], /) -> None:
        """Add or replace features: all of them, or none."""
        ...

    def remove(self, ids: Sequence[ImageId], /) -> list[ImageId]:
        """Remove features, all at once; return the ids that were there."""
        ...

    def get(self, ids: Sequence[ImageId], /) -> dict[ImageId, Feature]:
        """Return the features of images; those that are not here are left out."""
        ...

    def ids(
        self, *, after: ImageId | None = None, limit: int | None = None
    ) -> list[ImageId]:
        """Return the ids of images, in order: those above one, so many at most."""
        ...

    def highest_id(self, *, below: int) -> ImageId | None:
        """Return the highest id of an image, removed ones included, below a bound."""
        ...

    def readings(self, *, after: ImageId | None = None) -> Iterator[Reading]:
        """Read every feature, by id, to find those that have changed by themselves."""
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
        """Make what searches look through anew from the features."""
        ...

    def snapshot(self) -> None:
        """Write down what shortens the next start, if anything changed."""
        ...

    def close(self) -> None:
        """Release everything."""
        ...


class Collection(Features, Protocol):
    """Features that are compared row by row.

    Those of too little quality are kept, and neither found nor grouped.
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
            radius: How far neighbors in a chain may be apart.
            turned: To compare rows with turned versions of others, too.

        Returns:
            Each group sorted, and the groups sorted by their first.
        """
        ...


class DescriptorCollection(Features, Protocol):
    """Features of many local descriptors each, rows of `ambience.core.keypoints`."""

    def nearest(self, rows: Rows, *, nprobe: int | None = None) -> DescriptorNeighbors:
        """Return the nearest descriptors of each of a query's.

        Args:
            rows: Shape ``(q, dim)``.
            nprobe: How much of a trained index is looked through; None: what the
                engine holds best.
        """
        ...

    def train(self) -> bool:
        """Fit the index to what there is now; return whether there was anything."""
        ...
