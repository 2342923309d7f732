"""The index of binary rows: finds the nearest ones, and groups near-duplicates."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from ambience.core.features import FeatureSpec, ImageId, Rows
from ambience.engine.collection import Neighbor, TurnRows
from ambience.engine.embedded.faiss_kernels import nearest_hamming, within_hamming
from ambience.engine.embedded.hamming.near_duplicates import near_duplicate_groups
from ambience.engine.embedded.hamming.segment_tables import SegmentTables
from ambience.engine.embedded.row_buffer import RowBuffer, View
from ambience.engine.neighbors import nearest_images

TABLE_SHARE = 1 / 9
"""Up to this share of a row's bits (64 of 576), a radius search uses the tables, which
find at least 0.999 of the images; a search with a larger radius scans every row."""

_MIN_TAIL = 16_384  # rows scanned in 0.05 ms: faster than a lookup in the tables
_TAIL_SHARE = 64  # in a large index, at most one row in 64 is missing from the tables
_SPARE = 16  # rows requested beyond 1.5 k, so that ties for the last place are included
_MAX_HEAP = 65_536  # for a larger k, sorting all distances is faster than a heap

_NearRows = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]


@dataclass(frozen=True, slots=True, eq=False)
class _State:
    """What one search works on; always replaced as a whole.

    Attributes:
        view: Every row.
        tables: Tables of the first rows in the view; the others are scanned.
    """

    view: View
    tables: SegmentTables | None


class HammingIndex:
    """Binary rows in ``uint8``, compared by the number of differing bits.

    `nearest` is exact. `within` is exact beyond `TABLE_SHARE`; up to it, it finds at
    least 0.999 of the images, and all of those nearer than ``dim / 2`` bits.

    Searches take no lock. A change rebuilds the tables when it leaves too many rows out
    of them, or compacts the rows; that takes about 0.6 s for a million rows, and
    searches go on meanwhile. With tables, a row takes ``3 * dim + 8`` bytes.
    """

    def __init__(self, spec: FeatureSpec) -> None:
        self._spec = spec
        self._lock = Lock()  # one change at a time
        self._rows = RowBuffer(spec)
        self._state = _State(self._rows.view(), None)

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def kind(self) -> str:
        """Always ``hamming``."""
        return "hamming"

    def replace(
        self, gone: Sequence[ImageId], ids: Sequence[ImageId], rows: Rows
    ) -> None:
        """Remove images and add rows."""
        with self._lock:
            self._rows.mark_removed(gone)
            self._rows.append(ids, rows)
            if self._rows.needs_compaction():
                self._rows.compact()
                self._state = _with_tables(self._rows.view())
                return
            view, tables = self._rows.view(), self._state.tables
            self._state = _State(view, tables)
            tail = len(view.ids) - (len(tables) if tables else 0)
            if tail > _MIN_TAIL + len(view.ids) // _TAIL_SHARE:
                self._state = _State(view, SegmentTables(view.rows))

    def nearest(self, rows: Rows, *, k: int) -> list[Neighbor]:
        """Return the exact ``k`` nearest images."""
        view = self._state.view
        count = len(view.ids)
        ask = k + k // 2 + _SPARE
        while ask < min(count, _MAX_HEAP):
            raw, positions = nearest_hamming(rows, view.rows, k=ask)
            query_rows = np.repeat(np.arange(len(rows), dtype=np.int64), ask)
            found = nearest_images(
                view.ids[positions.ravel()],
                raw.ravel(),
                query_rows,
                k=k,
                scale=self._spec.scale,
            )
            if len(found) == k:
                farthest = round(found[-1].distance * self._spec.scale)
                if farthest < int(raw[:, -1].min()):
                    return found  # no other row is as near as the last one
                return self._read_all(view, rows, radius=farthest)[:k]
            ask *= 4  # too many rows were removed, or belong to the same images
        return self._read_all(view, rows, radius=8 * self._spec.dim)[:k]

    def within(self, rows: Rows, *, radius: float) -> list[Neighbor]:
        """Return every image at most ``radius`` away; see the class for recall."""
        state = self._state
        view, tables = state.view, state.tables
        bits = 8 * self._spec.dim
        raw_radius = math.floor(min(radius * self._spec.scale, bits))
        if raw_radius < 0:
            return []
        if tables is None or raw_radius > bits * TABLE_SHARE:
            return self._read_all(view, rows, radius=raw_radius)
        head = tables.within(rows, radius=raw_radius)
        if head is None:
            return self._read_all(view, rows, radius=raw_radius)
        if len(tables) == len(view.ids):
            return self._nearest(view, head)
        tail = within_hamming(rows, view.rows[len(tables) :], radius=raw_radius)
        return self._nearest(view, head, (tail[0] + len(tables), *tail[1:]))

    def few_rows(self) -> View | None:
        """Return every row while the rows are compared one by one, else ``None``."""
        state = self._state
        return state.view if state.tables is None else None

    def groups(
        self, *, radius: float, turn: TurnRows | None = None, threads: int = 1
    ) -> list[list[ImageId]]:
        """Return the groups of images that chains of near rows connect.

        At least 0.999 of the pairs at exactly ``radius`` are found, and more of the
        nearer ones. It is fast up to `TABLE_SHARE` of the bits.

        Args:
            radius: The largest distance of neighbors in a chain, in the spec's unit.
            turn: Also compares each row with the turned versions of the others.
            threads: Number of threads that compare.

        Returns:
            Each group sorted, and the groups sorted by their first image.
        """
        view = self._state.view
        living = view.ids >= 0
        return near_duplicate_groups(
            view.ids[living],
            view.rows[living],
            radius=math.floor(radius * self._spec.scale),
            turn=turn,
            threads=threads,
        )

    def save(self, folder: Path) -> None:
        """Write ``rows.npy`` and ``ids.npy``; see `VectorIndex.save`."""
        self._state.view.save(folder)

    def load(self, folder: Path) -> None:
        """Replace the content with what `save` wrote."""
        with self._lock:
            self._rows.load(folder)
            if self._rows.needs_compaction():
                self._rows.compact()
            self._state = _with_tables(self._rows.view())

    def _read_all(self, view: View, rows: Rows, *, radius: int) -> list[Neighbor]:
        return self._nearest(view, within_hamming(rows, view.rows, radius=radius))

    def _nearest(self, view: View, *parts: _NearRows) -> list[Neighbor]:
        positions, raw, query_rows = map(np.concatenate, zip(*parts, strict=True))
        ids = view.ids[positions]
        return nearest_images(ids, raw, query_rows, scale=self._spec.scale)


def _with_tables(view: View) -> _State:
    many = len(view.ids) > _MIN_TAIL
    return _State(view, SegmentTables(view.rows) if many else None)
