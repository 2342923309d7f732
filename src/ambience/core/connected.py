"""Which items belong together because chains of pairs connect them."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from ambience.core.features import ImageId


class Components:
    """Positions ``0 .. n - 1``, each in one component with those it is connected to."""

    def __init__(self, count: int) -> None:
        self._labels = np.arange(count, dtype=np.int64)  # the lowest position connected

    def apart(
        self, first: NDArray[np.int64], second: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Tell for each pair whether it is still in two components."""
        labels = self._labels  # replaced as a whole: safe to read from any thread
        apart: NDArray[np.bool_] = labels[first] != labels[second]
        return apart

    def connect(self, first: NDArray[np.int64], second: NDArray[np.int64]) -> None:
        """Bring the two positions of each pair into one component."""
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
        """Return the components of two and more.

        Each is sorted, and they are sorted by their first.
        """
        order = np.argsort(self._labels, kind="stable")
        edges = np.flatnonzero(np.diff(self._labels[order])) + 1
        return [group for group in np.split(order, edges) if len(group) > 1]


def joined(groups: Iterable[Sequence[ImageId]]) -> list[list[ImageId]]:
    """Return groups of images in which those that share an image have become one.

    Args:
        groups: Pairs, or groups of any size; groups of one are left out.

    Returns:
        Each group sorted, and the groups sorted by their first.
    """
    members = [np.asarray(group, dtype=np.int64) for group in groups if len(group)]
    if not members:
        return []
    ids, positions = np.unique(np.concatenate(members), return_inverse=True)
    sizes = [len(group) for group in members]
    starts = np.repeat(np.cumsum([0, *sizes[:-1]]), sizes)
    components = Components(len(ids))
    components.connect(positions[starts], positions)
    return [list(map(ImageId, ids[group].tolist())) for group in components.found()]
