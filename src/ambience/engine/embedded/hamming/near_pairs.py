"""All near-duplicates of a library of binary rows: as pairs, and as groups."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ambience.core.connected import Components
from ambience.core.features import Rows
from ambience.engine.collection import Turned
from ambience.engine.embedded.hamming.bit_samples import BitSamples, plan

_SMALL = 2_048  # rows: so few are compared all with all
_BLOCK = 1 << 16  # pairs compared at once: 9 MB of rows
_HELD = 1 << 22  # pairs held before those that several tables showed are made one

_Positions = NDArray[np.int64]
_Batch = tuple[_Positions, _Positions]
_Keep = Callable[[_Positions, _Positions], NDArray[np.bool_]]


@dataclass(frozen=True, slots=True, eq=False)
class NearPairs:
    """Pairs of images, ``first < second``, sorted, each once.

    Attributes:
        first: Image ids, shape ``(n,)``.
        second: Image ids, shape ``(n,)``.
        distances: Of their nearest rows, in bits, shape ``(n,)``.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    distances: NDArray[np.int64]


class NearPairFinder:
    """Finds pairs at most ``radius`` bits apart, at least 0.999 of them.

    Rows equal to each other are treated as one: the first of them stands for all, and
    each of the others makes a pair with it only. Where more than 64 rows are so alike
    that they share a sample of bits, not all of their pairs are made (see
    `ambience.engine.embedded.hamming.bit_samples`), yet they come into one group.
    """

    def __init__(
        self,
        ids: NDArray[np.int64],
        rows: Rows,
        *,
        radius: int,
        turned: Turned | None = None,
        threads: int = 1,
    ) -> None:
        """Find the rows that are equal.

        Args:
            ids: The image of each row, shape ``(n,)``.
            rows: ``uint8``, shape ``(n, dim)``.
            radius: In bits.
            turned: To compare rows with turned versions of others, too.
            threads: At work at once.
        """
        self._radius = radius
        self._turned = turned
        self._threads = threads
        self._ids, images = np.unique(ids, return_inverse=True)
        lead, other = _equal_rows(rows)
        self._equal = images[lead], images[other]
        distinct = np.ones(len(rows), dtype=bool)
        distinct[other] = False
        self._rows, self._images = rows[distinct], images[distinct]

    def pairs(self) -> NearPairs:
        """Return the pairs."""
        count = max(1, len(self._ids))
        held = [np.empty(0, dtype=np.int64)]
        distances = [np.empty(0, dtype=np.int64)]
        size = 0
        for first, second, apart in self._batches(keep=None):
            low, high = np.minimum(first, second), np.maximum(first, second)
            held.append(low * count + high)
            distances.append(apart)
            size += len(first)
            if size > _HELD + 2 * len(held[0]):
                held, distances = _nearest_of_each(held, distances)
                size = 0
        codes, nearest = _nearest_of_each(held, distances)
        first, second = np.divmod(codes[0], count)
        return NearPairs(self._ids[first], self._ids[second], nearest[0])

    def groups(self) -> list[NDArray[np.int64]]:
        """Return the groups of two and more images that chains of near pairs connect.

        Each is sorted, and they are sorted by their first. Takes less time and memory
        than `pairs`, as what is in one group already isn't compared again.
        """
        groups = Components(len(self._ids))
        for first, second, _ in self._batches(keep=groups.apart):
            groups.connect(first, second)
        return [self._ids[group] for group in groups.found()]

    def _batches(
        self, *, keep: _Keep | None
    ) -> Iterator[tuple[_Positions, _Positions, NDArray[np.int64]]]:
        """Yield near pairs, as places among the sorted ids, and their distances."""
        first, second = self._equal
        others = first != second
        yield first[others], second[others], np.zeros(int(others.sum()), dtype=np.int64)
        with ThreadPoolExecutor(self._threads) as pool:
            yield from self._near(pool, self._rows, turned=False, keep=keep)
            for rows in self._turned(self._rows) if self._turned else ():
                stacked = np.concatenate([self._rows, rows])
                yield from self._near(pool, stacked, turned=True, keep=keep)

    def _near(
        self, pool: ThreadPoolExecutor, rows: Rows, *, turned: bool, keep: _Keep | None
    ) -> Iterator[tuple[_Positions, _Positions, NDArray[np.int64]]]:
        """Yield the near pairs of rows, or of rows with turned ones behind them."""
        words = _words(rows)
        own = len(self._rows)

        def near(
            batches: Iterable[_Batch],
        ) -> tuple[_Positions, _Positions, NDArray[np.int64]]:
            found = [(np.empty(0, np.int64),) * 3]
            for first, second in batches:
                one, other = self._images[first % own], self._images[second % own]
                wanted = one != other
                if turned:
                    wanted &= (first < own) != (second < own)
                if keep:
                    wanted &= keep(one, other)
                places = np.flatnonzero(wanted)
                apart = _distances(words, first[places], second[places])
                close = apart <= self._radius
                places = places[close]
                found.append((one[places], other[places], apart[close]))
            one, other, apart = map(np.concatenate, zip(*found, strict=True))
            return one, other, apart

        if len(rows) <= _SMALL:
            yield near(_all_with_all(len(rows)))
            return
        bits = 8 * rows.shape[1]
        best = plan(len(rows), row_bits=bits, radius=self._radius)
        samples = BitSamples(rows, best)
        # a few tables at a time: what they find must not pile up
        for start in range(0, best.tables, self._threads):
            tables = range(start, min(best.tables, start + self._threads))
            yield from pool.map(lambda table: near(samples.candidates(table)), tables)


def _all_with_all(count: int) -> Iterator[_Batch]:
    for first in range(count):
        second = np.arange(first + 1, count, dtype=np.int64)
        yield np.full(len(second), first, dtype=np.int64), second


def _equal_rows(rows: Rows) -> _Batch:
    """Return pairs of equal rows: the first of its kind, and each of the others."""
    words = _words(rows)
    factors = np.random.default_rng(0).integers(
        1, 2**63, words.shape[1], dtype=np.uint64
    )
    mixed = (words * (2 * factors + 1)).sum(axis=1, dtype=np.uint64)  # wraps around
    order = np.argsort(mixed, kind="stable")
    # rows whose sums collide without being equal only miss the shortcut
    same = (words[order[1:]] == words[order[:-1]]).all(axis=1)
    starts = np.flatnonzero(np.concatenate([[True], ~same]))[: len(order)]
    leads = np.repeat(order[starts], np.diff(np.append(starts, len(order))))
    others = np.flatnonzero(same) + 1
    return leads[others], order[others]


def _nearest_of_each(
    codes: list[NDArray[np.int64]], distances: list[NDArray[np.int64]]
) -> tuple[list[NDArray[np.int64]], list[NDArray[np.int64]]]:
    """Return each code once, with the least of its distances."""
    code, distance = np.concatenate(codes), np.concatenate(distances)
    order = np.lexsort((distance, code))
    code, distance = code[order], distance[order]
    first = np.ones(len(code), dtype=bool)
    first[1:] = code[1:] != code[:-1]
    return [code[first]], [distance[first]]


def _distances(
    words: NDArray[np.uint64], first: _Positions, second: _Positions
) -> NDArray[np.int64]:
    out = np.empty(len(first), dtype=np.int64)
    ones = np.ones(words.shape[1], dtype=np.float32)
    for start in range(0, len(first), _BLOCK):
        block = slice(start, start + _BLOCK)
        flips = words.take(first[block], axis=0)
        flips ^= words.take(second[block], axis=0)
        # a product with ones adds up short rows three times as fast as sum(axis=1)
        out[block] = np.bitwise_count(flips).astype(np.float32) @ ones
    return out


def _words(rows: Rows) -> NDArray[np.uint64]:
    """Return the rows as 64-bit words, with zero bits up to the next whole one."""
    spare = -rows.shape[1] % 8
    if spare:
        rows = np.pad(rows, ((0, 0), (0, spare)))
    words: NDArray[np.uint64] = np.ascontiguousarray(rows).view(np.uint64)
    return words
