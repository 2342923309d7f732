"""Changes read from a store, as an index needs them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ambience.core.features import ImageId, Rows


@dataclass(frozen=True, slots=True, eq=False)
class ChangeBatch:
    """Consecutive changes, with only the latest change of each image.

    Attributes:
        seq: The sequence number of the last change.
        ids: Every image that was put or removed.
        row_ids: The image of each row, shape ``(n,)``, ``int64``.
        rows: The rows of the images that were put, shape ``(n, dim)``.
        qualities: The quality of each row's feature, shape ``(n,)``, ``float32``.
    """

    seq: int
    ids: Sequence[ImageId]
    row_ids: NDArray[np.int64]
    rows: Rows
    qualities: NDArray[np.float32]
