"""Finds candidate pairs of near binary rows: those equal in a random sample of bits.

P. Indyk, R. Motwani: Approximate Nearest Neighbors, STOC 1998 (bit sampling). Each
table sorts the rows by a few random bits, so that rows with equal bits are adjacent.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ambience.core.features import Rows

MISSES = 5e-4
"""The largest share of the pairs at exactly the radius that every table may miss."""

_WINDOW = 64  # rows that each row is compared with in an overfull bucket
_KEY_BITS = 32  # bits read per row: those beyond the sample order an overfull bucket
_SORT_COST = 0.7  # of sorting a row, in pair comparisons; measured with 1M rows
_SEED = 576


@dataclass(frozen=True, slots=True)
class Plan:
    """The number of tables, and the number of bits that each of them samples."""

    tables: int
    bits: int


def plan(count: int, *, row_bits: int, radius: int) -> Plan:
    """Return the cheapest plan that misses at most `MISSES` of the pairs at the radius.

    With more bits, buckets get smaller, but more tables are needed.
    """
    best, best_cost = Plan(1, 1), math.inf
    clean = 1.0  # probability that a sample contains none of the differing bits
    for bits in range(1, min(_KEY_BITS, row_bits - radius) + 1):
        clean *= (row_bits - radius - bits + 1) / (row_bits - bits + 1)
        tables = 1 if clean >= 1 else math.ceil(math.log(MISSES) / math.log1p(-clean))
        pairs = count / 2 / 2**bits  # per row
        cost = tables * (_SORT_COST + pairs)
        if cost < best_cost:
            best, best_cost = Plan(tables, bits), cost
    return best


class BitSamples:
    """The tables of one set of rows, built one at a time."""

    def __init__(self, rows: Rows, plan: Plan) -> None:
        """Store the rows by column.

        Args:
            rows: ``uint8``, shape ``(n, dim)``.
            plan: The result of `plan`.
        """
        self._columns = np.ascontiguousarray(rows.T)
        self._plan = plan

    def candidates(
        self, table: int
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Yield pairs of row positions with equal bits in this table's sample.

        Pairs come in batches of at most ``n``. In a bucket of more than 64 rows, each
        row is paired only with the 64 that follow it, ordered by further bits: 50,000
        equal rows give 64 x 50,000 pairs instead of a billion.
        """
        rng = np.random.default_rng((_SEED, table))
        row_bits = 8 * len(self._columns)
        sample = rng.permutation(row_bits)[:_KEY_BITS]
        high = self._bits(sample[:16]), self._bits(sample[16:])
        # Two passes of a 16-bit radix sort are faster than one sort of 32 bits.
        order = np.argsort(high[1], kind="stable")
        order = order[np.argsort(high[0][order], kind="stable")]
        keys = high[0].astype(np.uint32) << np.uint32(16) | high[1]
        keys = keys[order] >> np.uint32(max(0, min(32, row_bits) - self._plan.bits))
        starts = np.flatnonzero(keys[1:] == keys[:-1])
        for step in range(1, _WINDOW + 1):
            if not len(starts):
                return
            yield order[starts], order[starts + step]
            starts = starts[starts + step + 1 < len(keys)]
            starts = starts[keys[starts + step + 1] == keys[starts]]

    def _bits(self, which: NDArray[np.int64]) -> NDArray[np.uint16]:
        """Return these bits (at most 16) of every row, as one number per row."""
        count = self._columns.shape[1]
        halves = np.zeros((2, count), dtype=np.uint8)
        for place, bit in enumerate(which.tolist()):
            half = halves[place // 8]
            half <<= 1
            half |= (self._columns[bit >> 3] >> (7 - (bit & 7))) & 1
        bits: NDArray[np.uint16] = halves[0].astype(np.uint16)
        bits <<= max(0, len(which) - 8)
        bits |= halves[1]
        return bits
