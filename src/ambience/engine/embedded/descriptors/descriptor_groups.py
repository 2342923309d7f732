"""Keeps which image each group of descriptors belongs to, in 16 bytes an image."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ambience.core.features import FeatureSpec, ImageId, Metric
from ambience.engine.embedded.row_buffer import REMOVED, RowBuffer

_SIZES = FeatureSpec(dim=1, dtype="int64", metric=Metric.L1)  # how many descriptors


class DescriptorGroups:
    """Groups of descriptors, numbered in the order they came: one for each image added.

    An image that is removed and added again becomes a new group, and the old number is
    not used again, so a descriptor can keep the number of its group for good. One
    thread may change it while no other uses it.
    """

    def __init__(self) -> None:
        self._groups = RowBuffer(_SIZES)
        self._living = 0

    def __len__(self) -> int:
        """Return how many descriptors belong to images that were not removed."""
        return self._living

    @property
    def count(self) -> int:
        """How many groups there have ever been; their numbers are below this."""
        return len(self._groups.view().ids)

    def append(self, ids: Sequence[ImageId]) -> NDArray[np.int64]:
        """Return the number of the group of each descriptor.

        Args:
            ids: Whose each one is, ``n`` of them; those of an image stand together.
        """
        owners = np.asarray(ids, dtype=np.int64)
        first = np.ones(len(owners), dtype=bool)
        first[1:] = owners[1:] != owners[:-1]
        starts = np.flatnonzero(first)
        sizes = np.diff(starts, append=len(owners))
        numbers = self.count + np.cumsum(first) - 1
        self._groups.append(
            [ImageId(i) for i in owners[starts].tolist()], sizes[:, None]
        )
        self._living += len(owners)
        return numbers

    def mark_removed(self, ids: Sequence[ImageId]) -> None:
        """Take the descriptors of these images from them; unknown ids do no harm."""
        if self._groups.mark_removed(ids):
            view = self._groups.view()
            self._living = int(view.rows[view.ids >= 0].sum())

    def of(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the image of each group, or `REMOVED`; also for negative numbers.

        Args:
            numbers: Any shape, which is that of the answer.
        """
        ids = self._groups.view().ids
        if not len(ids):
            return np.full(numbers.shape, REMOVED, dtype=np.int64)
        return np.where(numbers >= 0, ids[numbers], REMOVED)

    def living(self) -> NDArray[np.bool_]:
        """Return which groups still belong to an image, shape ``(count,)``."""
        return np.asarray(self._groups.view().ids >= 0)

    def save(self, folder: Path) -> None:
        """Write ``rows.npy``, the sizes of groups, and ``ids.npy``, their images."""
        self._groups.view().save(folder)

    @classmethod
    def loaded(cls, folder: Path) -> "DescriptorGroups":
        """Return what `save` wrote.

        Raises:
            CorruptDataError: When the files are missing or don't fit.
        """
        owners = cls()
        owners._groups.load(folder)
        view = owners._groups.view()
        owners._living = int(view.rows[view.ids >= 0].sum())
        return owners
