"""Exact distances between rows, in plain NumPy."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ambience.core.features import Metric, Rows

_BLOCK_BYTES = 1 << 20  # temporary arrays stay in the second-level cache


def hamming_distances(first: Rows, second: Rows) -> NDArray[np.int64]:
    """Return differing bits, row against row.

    Args:
        first: ``uint8``, shape ``(..., bytes)``.
        second: ``uint8``, a shape that broadcasts with the first.

    Returns:
        Shape of the broadcast without its last axis.
    """
    flips = np.bitwise_count(first ^ second)
    out: NDArray[np.int64] = flips.sum(axis=-1, dtype=np.int64)
    return out


def l1_distances(query: Rows, rows: Rows) -> NDArray[Any]:
    """Return the sums of absolute differences of one row and many.

    Args:
        query: Shape ``(dim,)``.
        rows: Shape ``(n, dim)``, the same dtype.

    Returns:
        Shape ``(n,)``; ``int64`` for integer rows, else ``float64``.
    """
    if rows.dtype.kind == "f":
        exact: NDArray[np.float64] = np.abs(rows.astype(np.float64) - query).sum(axis=1)
        return exact
    out = np.empty(len(rows), dtype=np.int64)
    # Wide enough for a difference's sign and no wider; one array for all blocks, as
    # memory that is new each time takes three times as long as the work itself.
    wide = np.promote_types(np.int32, np.result_type(rows.dtype, np.int8))
    step = max(1, _BLOCK_BYTES // max(1, rows.shape[1] * wide.itemsize))
    work = np.empty((min(step, len(rows)), rows.shape[1]), dtype=wide)
    for start in range(0, len(rows), step):
        block = rows[start : start + step]
        apart = work[: len(block)]
        np.subtract(block, query, out=apart, dtype=wide)
        np.abs(apart, out=apart)
        out[start : start + step] = apart.sum(axis=1, dtype=np.int64)
    return out


def distances(metric: Metric, query: Rows, rows: Rows) -> NDArray[Any]:
    """Return the distances of one query row ``(dim,)`` to many rows ``(n, dim)``."""
    match metric:
        case Metric.HAMMING:
            return hamming_distances(query, rows)
        case Metric.L1:
            return l1_distances(query, rows)
        case Metric.L2:
            apart = rows.astype(np.float64) - query
            squared: NDArray[np.float64] = np.square(apart).sum(axis=1)
            return np.sqrt(squared)
