"""Maps groups of descriptors to images, in 16 bytes per image."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ambience.core.features import FeatureSpec, ImageId, Metric
from ambience.engine.embedded.row_buffer import REMOVED, RowBuffer

_SIZES = FeatureSpec(dim=1, dtype="int64", metric=Metric.L1)  # sizes of groups


class DescriptorGroups:
    """Numbered groups of descriptors; each image that is added becomes a new group.

    An image that is removed and added again gets a new group. Numbers are never reused,
    so a descriptor can store the number of its group for good. Not thread-safe.
    """

    def __init__(self) -> None:
        self._groups = RowBuffer(_SIZES)
        self._living = 0

    def __len__(self) -> int:
        """Return the number of descriptors of images that were not removed."""
        return self._living

    @property
    def count(self) -> int:
        """Number of groups ever added; group numbers are below it."""
        return len(self._groups.view().ids)

    def append(self, ids: Sequence[ImageId]) -> NDArray[np.int64]:
        """Add descriptors; return the number of each one's group, shape ``(n,)``.

        Args:
            ids: The image of each descriptor, ``n`` of them; those of an image are
                adjacent.
        """
        image_ids = np.asarray(ids, dtype=np.int64)
        first = np.ones(len(image_ids), dtype=bool)
        first[1:] = image_ids[1:] != image_ids[:-1]
        starts = np.flatnonzero(first)
        sizes = np.diff(starts, append=len(image_ids))
        numbers = self.count + np.cumsum(first) - 1
        self._groups.append(
            [ImageId(i) for i in image_ids[starts].tolist()], sizes[:, None]
        )
        self._living += len(image_ids)
        return numbers

    def mark_removed(self, ids: Sequence[ImageId]) -> None:
        """Remove the descriptors of these images; unknown ids are ignored."""
        if self._groups.mark_removed(ids):
            view = self._groups.view()
            self._living = int(view.rows[view.ids >= 0].sum())

    def image_ids(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the image of each group, `REMOVED` for removed and negative ones.

        Args:
            numbers: Group numbers, of any shape; the answer has the same shape.
        """
        ids = self._groups.view().ids
        if not len(ids):
            return np.full(numbers.shape, REMOVED, dtype=np.int64)
        return np.where(numbers >= 0, ids[numbers], REMOVED)

    def living(self) -> NDArray[np.bool_]:
        """Return whether each group still belongs to an image, shape ``(count,)``."""
        return np.asarray(self._groups.view().ids >= 0)

    def save(self, folder: Path) -> None:
        """Write the sizes of groups to ``rows.npy`` and their images to ``ids.npy``."""
        self._groups.view().save(folder)

    @classmethod
    def loaded(cls, folder: Path) -> "DescriptorGroups":
        """Return what `save` wrote.

        Raises:
            CorruptDataError: If files are missing or don't fit together.
        """
        loaded = cls()
        loaded._groups.load(folder)
        view = loaded._groups.view()
        loaded._living = int(view.rows[view.ids >= 0].sum())
        return loaded
