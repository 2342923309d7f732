"""Connected components: which rows chains of pairs hold together."""

import numpy as np
from numpy.typing import NDArray


class Groups:
    """Positions ``0 .. n - 1``, each in a group with those it was connected with."""

    def __init__(self, count: int) -> None:
        self._labels = np.arange(count, dtype=np.int64)  # the lowest position connected

    def apart(
        self, first: NDArray[np.int64], second: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Tell for each pair whether it is in two groups as yet."""
        labels = self._labels  # replaced as a whole: safe to read from any thread
        apart: NDArray[np.bool_] = labels[first] != labels[second]
        return apart

    def connect(self, first: NDArray[np.int64], second: NDArray[np.int64]) -> None:
        """Bring the two positions of each pair into one group."""
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
        """Return the groups of two and more: each sorted, and sorted by their first."""
        order = np.argsort(self._labels, kind="stable")
        edges = np.flatnonzero(np.diff(self._labels[order])) + 1
        return [group for group in np.split(order, edges) if len(group) > 1]
