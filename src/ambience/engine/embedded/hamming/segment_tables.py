"""Finds near binary rows by the parts in which they are equal (multi-index hashing).

M. Norouzi, A. Punjani, D. Fleet: Fast Search in Hamming Space with Multi-Index
Hashing, CVPR 2012. Rows that differ in few bits are equal in some 16 bits side by side.
"""

import numpy as np
from numpy.typing import NDArray

from ambience.core.features import Rows

_KEYS = 1 << 16  # of one segment: two bytes
_MAX_SHARE = 8  # past one candidate in so many rows, a scan of all rows is faster


class SegmentTables:
    """Positions of rows by the value of each of their 16-bit segments.

    Segment ``i`` is byte ``i`` with byte ``i + dim / 2``: in a hash of DCT
    coefficients these are far apart in frequency, which gave the evenest buckets.
    Takes ``2 * dim`` bytes a row, and 256 KiB a segment.

    A row that differs in fewer bits than there are segments is always found. Past that
    it is missed where every segment has a flip: for 36 segments and 64 flips anywhere
    among the 576 bits, 5 rows in 10,000.
    """

    def __init__(self, rows: Rows) -> None:
        """Sort the rows into buckets: 0.6 s for a million rows of 72 bytes.

        Args:
            rows: ``uint8``, shape ``(n, dim)``; kept, and must not change.
        """
        self._words = _words(rows)
        keys = _segment_keys(rows)
        segments, count = keys.shape
        self._positions = np.empty((segments, count), dtype=np.int32)
        self._offsets = np.zeros((segments, _KEYS + 1), dtype=np.int32)
        for segment, column in enumerate(keys):
            self._positions[segment] = np.argsort(column, kind="stable")
            np.cumsum(
                np.bincount(column, minlength=_KEYS), out=self._offsets[segment, 1:]
            )

    def __len__(self) -> int:
        return len(self._words)

    def within(
        self, queries: Rows, *, radius: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]] | None:
        """Return the rows at most ``radius`` bits from a query.

        Args:
            queries: ``uint8``, shape ``(q, dim)``.
            radius: In bits.

        Returns:
            Positions, distances and which query, each ``(found,)``, a row once for
            each segment it shares; or ``None`` where a scan of all rows is faster, as
            the buckets of these queries are too full.
        """
        segments, count = self._positions.shape
        keys = _segment_keys(queries).astype(np.int64)
        flat_keys = keys + np.arange(segments)[:, None] * (_KEYS + 1)
        offsets = self._offsets.ravel()
        starts = offsets.take(flat_keys).T.astype(np.int64)  # (q, segments)
        lengths = offsets.take(flat_keys + 1).T - starts
        total = int(lengths.sum())
        if total * _MAX_SHARE > count * len(queries):
            return None
        starts += np.arange(segments) * count
        before = np.cumsum(lengths.ravel()) - lengths.ravel()
        places = np.repeat(starts.ravel() - before, lengths.ravel()) + np.arange(total)
        # "clip" only spares the check of bounds, a tenth of the time
        positions = self._positions.ravel().take(places, mode="clip")
        apart = self._words.take(positions, axis=0, mode="clip")
        per_query = lengths.sum(axis=1)
        words = _words(queries)
        apart ^= np.repeat(words, per_query, axis=0) if len(words) > 1 else words
        # a product with ones adds up rows of 9 three times as fast as sum(axis=1)
        flips = np.bitwise_count(apart).astype(np.float32)
        distances = flips @ np.ones(flips.shape[1], dtype=np.float32)
        near = np.flatnonzero(distances <= radius)
        versions = np.searchsorted(np.cumsum(per_query), near, side="right")
        return (
            positions[near].astype(np.int64),
            distances[near].astype(np.int64),
            versions.astype(np.int64),
        )


def _segment_keys(rows: Rows) -> NDArray[np.uint16]:
    """Return ``(segments, n)`` keys."""
    dim = rows.shape[1]
    half = (dim + 1) // 2  # an odd dim has its middle byte in two segments
    high, low = rows[:, :half].T, rows[:, dim - half :].T
    keys: NDArray[np.uint16] = high.astype(np.uint16)
    keys <<= 8
    keys |= low
    return keys


def _words(rows: Rows) -> Rows:
    """Return the rows as wider words where their length allows that."""
    if rows.shape[1] % 8 or not rows.flags.c_contiguous:
        return rows
    return rows.view(np.uint64)
