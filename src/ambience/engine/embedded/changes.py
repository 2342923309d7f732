"""Adding and removing, said as the one change that every index makes: to replace."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np

from ambience.core.features import FeatureSpec, ImageId, Rows


class ByReplacing(ABC):
    """An index that says how rows are replaced, and so how they come and go.

    Args:
        spec: Of its rows.
    """

    def __init__(self, spec: FeatureSpec) -> None:
        self._spec = spec

    @abstractmethod
    def replace(
        self, gone: Sequence[ImageId], ids: Sequence[ImageId], rows: Rows
    ) -> None:
        """See `VectorIndex.replace`."""

    def add(self, ids: Sequence[ImageId], rows: Rows) -> None:
        """Add one row for each id."""
        self.replace((), ids, rows)

    def remove(self, ids: Sequence[ImageId]) -> None:
        """Remove every row of these images."""
        self.replace(ids, (), np.empty((0, self._spec.dim), self._spec.dtype))
