"""Exact distances between feature rows, in plain NumPy.

The distance between two rows depends on these two alone: not on how many others are
compared in the same call, nor on their order.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ambience.core.features import Metric, Rows

_BLOCK_BYTES = 1 << 20  # temporary arrays stay in the second-level cache
_COSINE_DIGITS = 12
_EXACT = np.dtype(np.float64)


def row_distances(metric: Metric, query: Rows, rows: Rows) -> NDArray[Any]:
    """Return the distances from one query row to many rows.

    Args:
        metric: How they are compared.
        query: Shape ``(dim,)``.
        rows: Shape ``(n, dim)``, the same dtype.

    Returns:
        Shape ``(n,)``, before any division by a scale; ``int64`` if integer rows are
        compared by Hamming or L1, else ``float64``.
    """
    match metric:
        case Metric.HAMMING:
            return hamming_distances(query, rows)
        case Metric.L1:
            return l1_distances(query, rows)
        case Metric.L2:
            return l2_distances(query, rows)
        case Metric.COSINE:
            return cosine_distances(query, rows)


def hamming_distances(first: Rows, second: Rows) -> NDArray[np.int64]:
    """Return the number of differing bits, row against row.

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
    """Return the sums of absolute differences; see `row_distances`."""
    if rows.dtype.kind == "f":
        exact = np.empty(len(rows), dtype=np.float64)
        for part, apart in _widened(rows, _EXACT, minus=query):
            np.abs(apart, out=apart)
            exact[part] = apart.sum(axis=1)
        return exact
    out = np.empty(len(rows), dtype=np.int64)
    # Wide enough for the sign of a difference, and no wider.
    wide = np.promote_types(np.int32, np.result_type(rows.dtype, np.int8))
    for part, apart in _widened(rows, wide, minus=query):
        np.abs(apart, out=apart)
        out[part] = apart.sum(axis=1, dtype=np.int64)
    return out


def l2_distances(query: Rows, rows: Rows) -> NDArray[np.float64]:
    """Return the Euclidean distances; see `row_distances`."""
    out = np.empty(len(rows), dtype=np.float64)
    for part, apart in _widened(rows, _EXACT, minus=query):
        out[part] = np.vecdot(apart, apart)
    return np.sqrt(out)


def cosine_distances(query: Rows, rows: Rows) -> NDArray[np.float64]:
    """Return 1 minus the cosine of the angle, 0 to 2; see `row_distances`.

    A row of zeros has no direction: its distance to every row is 1, itself included.
    """
    out = np.ones(len(rows), dtype=np.float64)
    wide = query.astype(np.float64)
    length = np.sqrt(np.vecdot(wide, wide))
    if not length:
        return out
    unit = wide / length
    for part, same in _widened(rows, _EXACT):
        lengths = np.sqrt(np.vecdot(same, same))
        pointing = lengths > 0
        lengths[~pointing] = 1.0
        out[part] = np.where(pointing, 1 - np.vecdot(same, unit) / lengths, 1.0)
    # Anything smaller is a rounding error of the 64-bit sums, not an angle.
    return np.abs(np.round(out, _COSINE_DIGITS))


def unit_rows(rows: Rows) -> NDArray[np.float64]:
    """Return rows divided by their lengths; rows of zeros stay as they are.

    Args:
        rows: Shape ``(n, dim)``.
    """
    units = rows.astype(np.float64)
    lengths = np.sqrt(np.vecdot(units, units))
    lengths[lengths == 0] = 1.0
    units /= lengths[:, None]
    return units


def _widened(
    rows: Rows, wide: np.dtype[Any], *, minus: Rows | None = None
) -> Iterator[tuple[slice, NDArray[Any]]]:
    """Yield blocks of rows in a wider dtype, each valid until the next is requested.

    All share one array: allocating a new one each time takes three times as long as
    the computation itself.

    Args:
        rows: Shape ``(n, dim)``.
        wide: The dtype to convert to.
        minus: Subtracted from each row, shape ``(dim,)``.
    """
    step = max(1, _BLOCK_BYTES // max(1, rows.shape[1] * wide.itemsize))
    work = np.empty((min(step, len(rows)), rows.shape[1]), dtype=wide)
    for start in range(0, len(rows), step):
        block = rows[start : start + step]
        out = work[: len(block)]
        if minus is None:
            np.copyto(out, block)
        else:
            np.subtract(block, minus, out=out, dtype=wide)
        yield slice(start, start + step), out
