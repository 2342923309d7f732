"""Groups the near-duplicates in a library of binary rows."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ambience.core.connected_components import ConnectedComponents
from ambience.core.features import ImageId, Rows
from ambience.engine.collection import TurnRows
from ambience.engine.embedded.hamming.bit_samples import BitSamples, plan

_SMALL = 2_048  # up to this many rows, every row is compared with every other
_BLOCK = 1 << 16  # pairs compared at once: 9 MB of rows

_Positions = NDArray[np.int64]
_Pairs = tuple[_Positions, _Positions]


def near_duplicate_groups(
    ids: NDArray[np.int64],
    rows: Rows,
    *,
    radius: int,
    turn: TurnRows | None = None,
    threads: int = 1,
) -> list[list[ImageId]]:
    """Return the groups of two or more images that chains of near pairs connect.

    At least 0.999 of the pairs at exactly ``radius`` are found, and more of the nearer
    ones. Equal rows always end up in one group.

    Args:
        ids: The image of each row, shape ``(n,)``.
        rows: ``uint8``, shape ``(n, dim)``.
        radius: The largest distance of a near pair, in bits.
        turn: Also compares each row with the turned versions of the others.
        threads: Number of threads that compare.

    Returns:
        Each group sorted, and the groups sorted by their first image.
    """
    images, image_of_row = np.unique(ids, return_inverse=True)
    groups = ConnectedComponents(len(images))
    representative, copy = _equal_rows(rows)
    groups.connect(image_of_row[representative], image_of_row[copy])
    distinct = np.ones(len(rows), dtype=bool)
    distinct[copy] = False
    rows, image_of_row = rows[distinct], image_of_row[distinct]
    with ThreadPoolExecutor(threads) as pool:
        search = _PairSearch(image_of_row, groups, radius, pool, threads)
        search.connect_near(rows)
        for turned in turn(rows) if turn else ():
            search.connect_near(np.concatenate([rows, turned]))
    return [list(map(ImageId, images[group].tolist())) for group in groups.found()]


@dataclass(frozen=True, slots=True, eq=False)
class _PairSearch:
    """Connects the images of near rows.

    Attributes:
        image_of_row: The position of each row's image in ``groups``, shape ``(n,)``.
        groups: The images found near each other so far.
        radius: In bits.
        pool: Compares the candidates of several tables at once.
        threads: The size of the pool.
    """

    image_of_row: NDArray[np.int64]
    groups: ConnectedComponents
    radius: int
    pool: ThreadPoolExecutor
    threads: int

    def connect_near(self, rows: Rows) -> None:
        """Connect the images of near rows.

        Args:
            rows: The ``n`` rows, shape ``(n, dim)``; or these followed by their turned
                versions, shape ``(2 * n, dim)``, which are then compared with the
                upright ones only.
        """
        words = _words(rows)

        def near(candidates: Iterable[_Pairs]) -> _Pairs:
            none = np.empty(0, dtype=np.int64)
            found = [(none, none), *(self._near(words, *some) for some in candidates)]
            first, second = map(np.concatenate, zip(*found, strict=True))
            return first, second

        if len(rows) <= _SMALL:
            self.groups.connect(*near(_all_with_all(len(rows))))
            return
        best = plan(len(rows), row_bits=8 * rows.shape[1], radius=self.radius)
        samples = BitSamples(rows, best)
        # A few tables at a time, so that what they find does not pile up.
        for start in range(0, best.tables, self.threads):
            tables = range(start, min(best.tables, start + self.threads))
            for found in self.pool.map(
                lambda table: near(samples.candidates(table)), tables
            ):
                self.groups.connect(*found)

    def _near(
        self, words: NDArray[np.uint64], first: _Positions, second: _Positions
    ) -> _Pairs:
        """Return the pairs of images whose rows are near and not yet in one group."""
        count = len(self.image_of_row)
        one, other = self.image_of_row[first % count], self.image_of_row[second % count]
        wanted = self.groups.apart(one, other)
        if len(words) > count:  # an upright row with a turned one
            wanted &= (first < count) != (second < count)
        places = np.flatnonzero(wanted)
        distances = _distances(words, first[places], second[places])
        places = places[distances <= self.radius]
        return one[places], other[places]


def _all_with_all(count: int) -> Iterator[_Pairs]:
    for first in range(count):
        second = np.arange(first + 1, count, dtype=np.int64)
        yield np.full(len(second), first, dtype=np.int64), second


def _equal_rows(rows: Rows) -> _Pairs:
    """Return pairs of equal rows: the first of its kind with each of its copies."""
    words = _words(rows)
    factors = np.random.default_rng(0).integers(
        1, 2**63, words.shape[1], dtype=np.uint64
    )
    mixed = (words * (2 * factors + 1)).sum(axis=1, dtype=np.uint64)  # wraps around
    order = np.argsort(mixed, kind="stable")
    # Rows whose sums collide without being equal are compared later like any others.
    same = (words[order[1:]] == words[order[:-1]]).all(axis=1)
    starts = np.flatnonzero(np.concatenate([[True], ~same]))[: len(order)]
    leads = np.repeat(order[starts], np.diff(np.append(starts, len(order))))
    others = np.flatnonzero(same) + 1
    return leads[others], order[others]


def _distances(
    words: NDArray[np.uint64], first: _Positions, second: _Positions
) -> NDArray[np.int64]:
    out = np.empty(len(first), dtype=np.int64)
    ones = np.ones(words.shape[1], dtype=np.float32)
    for start in range(0, len(first), _BLOCK):
        block = slice(start, start + _BLOCK)
        flips = words.take(first[block], axis=0)
        flips ^= words.take(second[block], axis=0)
        # A product with ones adds up short rows three times as fast as sum(axis=1).
        out[block] = np.bitwise_count(flips).astype(np.float32) @ ones
    return out


def _words(rows: Rows) -> NDArray[np.uint64]:
    """Return the rows as 64-bit words; the last word is filled up with zero bits."""
    spare = -rows.shape[1] % 8
    if spare:
        rows = np.pad(rows, ((0, 0), (0, spare)))
    words: NDArray[np.uint64] = np.ascontiguousarray(rows).view(np.uint64)
    return words
