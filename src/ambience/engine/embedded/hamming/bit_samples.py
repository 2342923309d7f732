"""Candidates for near pairs among many binary rows: equal in a random sample of bits.

P. Indyk, R. Motwani: Approximate Nearest Neighbors, STOC 1998 (bit sampling). Each
table sorts the rows by some random bits; rows that share them all stand side by side.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ambience.core.features import Rows

MISSES = 5e-4
"""Of the pairs at exactly the radius, the share that no table may show."""

_WINDOW = 64  # rows each row is compared with in an over-full bucket
_KEY_BITS = 32  # read a row: those past the sample order an over-full bucket
_SORT_COST = 0.7  # of a row in a table, in compared pairs; measured at 1M rows
_SEED = 576


@dataclass(frozen=True, slots=True)
class Plan:
    """How many tables, and how many bits each of them samples."""

    tables: int
    bits: int


def plan(count: int, *, row_bits: int, radius: int) -> Plan:
    """Return the cheapest plan that misses at most `MISSES` at the radius.

    More bits make smaller buckets and more tables.
    """
    best, best_cost = Plan(1, 1), math.inf
    clean = 1.0  # that a sample of so many bits has none of the flipped ones
    for bits in range(1, min(_KEY_BITS, row_bits - radius) + 1):
        clean *= (row_bits - radius - bits + 1) / (row_bits - bits + 1)
        tables = 1 if clean >= 1 else math.ceil(math.log(MISSES) / math.log1p(-clean))
        pairs = count / 2 / 2**bits  # of each row
        cost = tables * (_SORT_COST + pairs)
        if cost < best_cost:
            best, best_cost = Plan(tables, bits), cost
    return best


class BitSamples:
    """The tables over one set of rows, made one at a time."""

    def __init__(self, rows: Rows, plan: Plan) -> None:
        """Keep the rows by column.

        Args:
            rows: ``uint8``, shape ``(n, dim)``.
            plan: From `plan`.
        """
        self._columns = np.ascontiguousarray(rows.T)
        self._plan = plan

    def candidates(
        self, table: int
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Yield pairs of positions that share the sample of this table.

        At most ``n`` of them at once. In a bucket of more than 64 rows, each is paired
        with the 64 that follow it in the order of further bits: so 50,000 rows alike
        give 64 x 50,000 pairs and not a billion.
        """
        rng = np.random.default_rng((_SEED, table))
        row_bits = 8 * len(self._columns)
        sample = rng.permutation(row_bits)[:_KEY_BITS]
        high = self._bits(sample[:16]), self._bits(sample[16:])
        # two passes of a radix sort by 16 bits: faster than one sort by 32
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
        """Return these bits (at most 16) of every row, as one number each."""
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
