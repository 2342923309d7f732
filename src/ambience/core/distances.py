"""Exact distances between feature rows, in plain NumPy.

The distance of two rows depends on nothing but the two: not on how many others are
compared in the same call, nor on their order.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ambience.core.features import Metric, Rows

_BLOCK_BYTES = 1 << 20  # temporary arrays stay in the second-level cache


def row_distances(metric: Metric, query: Rows, rows: Rows) -> NDArray[Any]:
    """Return the distances of one query row to many rows.

    Args:
        metric: How they are compared.
        query: Shape ``(dim,)``.
        rows: Shape ``(n, dim)``, the same dtype.

    Returns:
        Shape ``(n,)``, before any division by a scale; ``int64`` where rows of whole
        numbers are compared by Hamming or L1, else ``float64``.
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
        for part, apart in _differences(query, rows, np.dtype(np.float64)):
            np.abs(apart, out=apart)
            exact[part] = apart.sum(axis=1)
        return exact
    out = np.empty(len(rows), dtype=np.int64)
    # wide enough for the sign of a difference, and no wider
    wide = np.promote_types(np.int32, np.result_type(rows.dtype, np.int8))
    for part, apart in _differences(query, rows, wide):
        np.abs(apart, out=apart)
        out[part] = apart.sum(axis=1, dtype=np.int64)
    return out


def l2_distances(query: Rows, rows: Rows) -> NDArray[np.float64]:
    """Return the Euclidean distances; see `row_distances`."""
    out = np.empty(len(rows), dtype=np.float64)
    for part, apart in _differences(query, rows, np.dtype(np.float64)):
        out[part] = _squares(apart)
    return np.sqrt(out)


def cosine_distances(query: Rows, rows: Rows) -> NDArray[np.float64]:
    """Return 1 minus the cosine of the angle, 0 to 2; see `row_distances`.

    A row of zeros points nowhere: it is 1 away from every row, itself included.
    """
    # Half the squared distance of unit vectors is the same number, but it is exactly 0
    # for equal rows and keeps its precision near 0.
    out = np.ones(len(rows), dtype=np.float64)
    unit = unit_rows(query[None])[0]
    if not unit.any():
        return out
    for part in _parts(rows, np.dtype(np.float64)):
        units = unit_rows(rows[part])
        pointing = units.any(axis=1)
        units -= unit
        out[part] = np.where(pointing, _squares(units) / 2, 1.0)
    return out


def unit_rows(rows: Rows) -> NDArray[np.float64]:
    """Return rows divided by their lengths; rows of zeros stay as they are.

    Args:
        rows: Shape ``(n, dim)``.
    """
    units = rows.astype(np.float64)
    lengths = np.sqrt(_squares(units))
    lengths[lengths == 0] = 1.0
    units /= lengths[:, None]
    return units


def _squares(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sum of the squares of each row."""
    out: NDArray[np.float64] = np.einsum("ij,ij->i", rows, rows)
    return out


def _parts(rows: Rows, wide: np.dtype[Any]) -> Iterator[slice]:
    """Yield the blocks in which rows are turned into a wider dtype."""
    step = max(1, _BLOCK_BYTES // max(1, rows.shape[1] * wide.itemsize))
    for start in range(0, len(rows), step):
        yield slice(start, start + step)


def _differences(
    query: Rows, rows: Rows, wide: np.dtype[Any]
) -> Iterator[tuple[slice, NDArray[Any]]]:
    """Yield blocks of rows minus the query, each until the next is asked for.

    All share one array: memory that is new each time takes three times as long as the
    work itself.
    """
    work: NDArray[Any] | None = None
    for part in _parts(rows, wide):
        block = rows[part]
        if work is None:
            work = np.empty(block.shape, dtype=wide)
        apart = work[: len(block)]
        np.subtract(block, query, out=apart, dtype=wide)
        yield part, apart
