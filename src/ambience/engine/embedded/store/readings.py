"""What is read of many features at once: what changed, and what is damaged."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ambience.core.features import ImageId, Rows


@dataclass(frozen=True, slots=True, eq=False)
class Changes:
    """Some changes in order, each image's latest only.

    Attributes:
        seq: The sequence number of the last of them.
        ids: Every image changed, put or removed.
        row_ids: Shape ``(n,)``, ``int64``: whose row each of ``rows`` is.
        rows: Shape ``(n, dim)``: the rows of the images that were put.
        qualities: Shape ``(n,)``, ``float32``: the quality of each row's feature.
    """

    seq: int
    ids: Sequence[ImageId]
    row_ids: NDArray[np.int64]
    rows: Rows
    qualities: NDArray[np.float32]
