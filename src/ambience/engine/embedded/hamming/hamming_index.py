"""The index of binary rows: exact nearest ones, and near-duplicates at once."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from ambience.core.features import FeatureSpec, ImageId, Rows
from ambience.engine.collection import Neighbor, Turned
from ambience.engine.embedded.faiss_kernels import nearest_hamming, within_hamming
from ambience.engine.embedded.hamming.near_pairs import NearPairFinder, NearPairs
from ambience.engine.embedded.hamming.segment_tables import SegmentTables
from ambience.engine.embedded.row_buffer import RowBuffer, View
from ambience.engine.neighbors import nearest_images

TABLE_SHARE = 1 / 9
"""Of a row's bits: up to this radius (64 of 576) the tables find at least 0.999 of
the images; a wider search reads every row."""

_MIN_TAIL = 16_384  # rows read one by one in 0.05 ms: less than a look into the tables
_TAIL_SHARE = 64  # rows not yet in the tables: at most one in so many, when many
_SPARE = 16  # rows asked for past 1.5 k, so that ties at the border come with them
_MAX_HEAP = 65_536  # past this k, sorting all distances beats a heap of k

_Found = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]


@dataclass(frozen=True, slots=True, eq=False)
class _State:
    """What one search works on, published as a whole.

    Attributes:
        view: Every row.
        tables: Over the first rows of the view; the rest is read one by one.
    """

    view: View
    tables: SegmentTables | None


class HammingIndex:
    """Rows of bits in ``uint8``, compared by the number of differing bits.

    `nearest` is exact. `within` is exact past `TABLE_SHARE`; up to it, it finds at
    least 0.999 of what is there, and everything below ``dim / 2`` bits.

    A search takes no lock: it works on what was published last. Tables are built anew
    inside the change after which too many rows are in none, and in the one that
    compacts: about 0.6 s for a million rows, while searches go on. With them, a row
    takes ``3 * dim + 8`` bytes.
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
        """``hamming``, however many rows there are."""
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
        """Return the ``k`` nearest images, exactly."""
        view = self._state.view
        count = len(view.ids)
        ask = k + k // 2 + _SPARE
        while ask < min(count, _MAX_HEAP):
            raw, positions = nearest_hamming(rows, view.rows, k=ask)
            versions = np.repeat(np.arange(len(rows), dtype=np.int64), ask)
            found = nearest_images(
                view.ids[positions.ravel()],
                raw.ravel(),
                versions,
                k=k,
                scale=self._spec.scale,
            )
            if len(found) == k:
                farthest = round(found[-1].distance * self._spec.scale)
                if farthest < int(raw[:, -1].min()):
                    return found  # every row at the border's distance was seen
                return self._read_all(view, rows, radius=farthest)[:k]
            ask *= 4  # removed rows, or images with several, took the places
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

    def pairs(
        self, *, radius: float, turned: Turned | None = None, threads: int = 1
    ) -> NearPairs:
        """Return which images are near each other, as ids; each pair once.

        See `near_pairs.NearPairFinder` for what is left out.

        Args:
            radius: In bits; made for ``dim * 8 * TABLE_SHARE`` and less.
            turned: To compare rows with turned versions of others, too.
            threads: At work at once.
        """
        return self._finder(radius, turned, threads).pairs()

    def groups(
        self, *, radius: float, turned: Turned | None = None, threads: int = 1
    ) -> list[list[ImageId]]:
        """Return the groups of images that chains of near pairs connect.

        As `pairs`, in less memory. Each group is sorted, and they are sorted by their
        first.
        """
        groups = self._finder(radius, turned, threads).groups()
        return [list(map(ImageId, group.tolist())) for group in groups]

    def _finder(
        self, radius: float, turned: Turned | None, threads: int
    ) -> NearPairFinder:
        view = self._state.view
        living = view.ids >= 0
        return NearPairFinder(
            view.ids[living],
            view.rows[living],
            radius=math.floor(radius * self._spec.scale),
            turned=turned,
            threads=threads,
        )

    def save(self, folder: Path) -> None:
        """Write ``rows.npy`` and ``ids.npy``; see `VectorIndex.save`."""
        self._state.view.save(folder)

    def load(self, folder: Path) -> None:
        """Become what `save` wrote."""
        with self._lock:
            self._rows.load(folder)
            if self._rows.needs_compaction():
                self._rows.compact()
            self._state = _with_tables(self._rows.view())

    def _read_all(self, view: View, rows: Rows, *, radius: int) -> list[Neighbor]:
        return self._nearest(view, within_hamming(rows, view.rows, radius=radius))

    def _nearest(self, view: View, *parts: _Found) -> list[Neighbor]:
        positions, raw, versions = map(np.concatenate, zip(*parts, strict=True))
        ids = view.ids[positions]
        return nearest_images(ids, raw, versions, scale=self._spec.scale)


def _with_tables(view: View) -> _State:
    many = len(view.ids) > _MIN_TAIL
    return _State(view, SegmentTables(view.rows) if many else None)
