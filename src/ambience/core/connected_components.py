"""Groups items that are connected by chains of pairs."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from ambience.core.features import ImageId


class ConnectedComponents:
    """The connected components of positions ``0 .. n - 1``."""

    def __init__(self, count: int) -> None:
        # For each position, the lowest one in its component.
        self._labels = np.arange(count, dtype=np.int64)

    def apart(
        self, first: NDArray[np.int64], second: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Return for each pair whether its positions are in different components."""
        labels = self._labels  # never changed in place: safe to read from any thread
        apart: NDArray[np.bool_] = labels[first] != labels[second]
        return apart

    def connect(self, first: NDArray[np.int64], second: NDArray[np.int64]) -> None:
        """Merge the components of the two positions of each pair."""
        while True:
            apart = self.apart(first, second)
            first, second = first[apart], second[apart]
            if not len(first):
                return
            labels = self._labels.copy()
            one, other = labels[first], labels[second]
            np.minimum.at(labels, np.maximum(one, other), np.minimum(one, other))
            while True:
                lower = labels[labels]
                if np.array_equal(lower, labels):
                    break
                labels = lower
            self._labels = labels

    def found(self) -> list[NDArray[np.int64]]:
        """Return the components of at least two positions.

        Each is sorted, and the components are sorted by their first position.
        """
        order = np.argsort(self._labels, kind="stable")
        edges = np.flatnonzero(np.diff(self._labels[order])) + 1
        return [group for group in np.split(order, edges) if len(group) > 1]


def joined(groups: Iterable[Sequence[ImageId]]) -> list[list[ImageId]]:
    """Merge groups that share an image.

    Args:
        groups: Pairs, or groups of any size.

    Returns:
        The groups of at least two images. Each is sorted, and the groups are sorted by
        their first image.
    """
    members = [np.asarray(group, dtype=np.int64) for group in groups if len(group)]
    if not members:
        return []
    ids, positions = np.unique(np.concatenate(members), return_inverse=True)
    sizes = [len(group) for group in members]
    starts = np.repeat(np.cumsum([0, *sizes[:-1]]), sizes)
    components = ConnectedComponents(len(ids))
    components.connect(positions[starts], positions)
    return [list(map(ImageId, ids[group].tolist())) for group in components.found()]
