"""The index of histograms: candidates from one bit a column, then exact L1 or L2."""

from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from ambience.core.features import FeatureSpec, ImageId, Metric, Rows
from ambience.engine.embedded.changes import ByReplacing
from ambience.engine.embedded.distances import distances
from ambience.engine.embedded.flat_index import FlatIndex
from ambience.engine.embedded.index import Neighbor
from ambience.engine.embedded.neighbors import nearest_images
from ambience.engine.embedded.reranked.candidates import CODES_FILE, Candidates

RowsOf = Callable[[NDArray[np.int64]], tuple[NDArray[np.int64], Rows]]
"""Returns the stored rows of images: ids ``(n,)``, one a row, and rows ``(n, dim)``.
An image may have several; one that is no longer there is missing."""

EXACT_ROWS = 8_192
"""Up to here all rows are kept and read: 8 MB and 4 ms for 512 ``uint16``. The codes
are then based on the mean of these."""

# Codes order by L2. Of 512-bin histograms under that, columns to this power order
# neighbours most as L1 does: 0.5 (Hellinger) needs twice the candidates, 1 twelve times
# as many.
_POWERS = {Metric.L1: 0.65, Metric.L2: 1.0}

_SHARE = 30  # candidates for each image asked for: recall@100 above 0.999 among 1M
_MIN_CANDIDATES = 1_000
_CHUNK = 4_096  # rows turned into vectors at once: 8 MB of them


class L1Index(ByReplacing):
    """Histograms compared by L1 or L2, kept in one bit a column once they are many.

    A search takes 30 times ``k`` candidates by the codes, reads their rows from the
    store and ranks these: every distance is exact, and of the true nearest at least
    0.999 are found. `within` takes more candidates until at most one in 30 is near
    enough. Up to `EXACT_ROWS` rows, both are exact. A row takes ``dim / 8 + 16`` bytes.
    """

    def __init__(self, spec: FeatureSpec, rows_of: RowsOf) -> None:
        """Start empty.

        Args:
            spec: Of rows that are not negative.
            rows_of: Reads rows for the exact ranking; called by many threads at once.
        """
        super().__init__(spec)
        self._rows_of = rows_of
        self._lock = Lock()  # one change at a time
        self._index: FlatIndex | Candidates = FlatIndex(spec)

    def __len__(self) -> int:
        return len(self._index)

    def replace(
        self, gone: Sequence[ImageId], ids: Sequence[ImageId], rows: Rows
    ) -> None:
        """Remove images and add rows."""
        with self._lock:
            index = self._index
            if isinstance(index, Candidates):
                self._encode(index, ids, rows, gone=gone)
            elif len(index) + len(ids) <= EXACT_ROWS:
                index.replace(gone, ids, rows)
            else:
                self._index = self._encoded(index, gone, ids, rows)

    def search(self, rows: Rows, *, k: int) -> list[Neighbor]:
        """Return the ``k`` nearest images."""
        index = self._index
        if isinstance(index, FlatIndex):
            return index.search(rows, k=k)
        count = max(_MIN_CANDIDATES, _SHARE * k)
        while True:
            found = self._ranked(index, rows, count=count, k=k)
            # an image with many rows may have taken the places of others
            if len(found) >= min(k, len(index)) or count >= len(index):
                return found
            count *= 4

    def within(self, rows: Rows, *, radius: float) -> list[Neighbor]:
        """Return the images at most ``radius`` away; see the class for recall."""
        index = self._index
        if isinstance(index, FlatIndex):
            return index.within(rows, radius=radius)
        count = _MIN_CANDIDATES
        while True:
            ranked = self._ranked(index, rows, count=count, k=None)
            found = [neighbor for neighbor in ranked if neighbor.distance <= radius]
            if _SHARE * len(found) <= len(ranked) or count >= len(index):
                return found
            count *= 4

    def save(self, folder: Path) -> None:
        """Write ``rows.npy`` and ``ids.npy``, and ``codes.npy`` where there are any."""
        self._index.save(folder)

    def load(self, folder: Path) -> None:
        """Become what `save` wrote."""
        with self._lock:
            if (folder / CODES_FILE).exists():
                self._index = Candidates.loaded(folder, dim=self._spec.dim)
                return
            flat = FlatIndex(self._spec)
            flat.load(folder)
            self._index = flat

    def _encoded(
        self,
        index: FlatIndex,
        gone: Sequence[ImageId],
        ids: Sequence[ImageId],
        rows: Rows,
    ) -> Candidates:
        """Return the rows of an index that becomes too large, in codes."""
        known_ids, known = index.living()
        absent = set(gone)
        stay = [n for n, image_id in enumerate(known_ids) if image_id not in absent]
        known_ids, known = [known_ids[n] for n in stay], known[stay]
        sample = np.concatenate([known, rows])[:EXACT_ROWS]
        candidates = Candidates.trained(self._vectors(sample))
        self._encode(candidates, known_ids, known)
        self._encode(candidates, ids, rows)
        return candidates

    def _encode(
        self,
        to: Candidates,
        ids: Sequence[ImageId],
        rows: Rows,
        *,
        gone: Sequence[ImageId] = (),
    ) -> None:
        for start in range(0, max(1, len(ids)), _CHUNK):
            part = slice(start, start + _CHUNK)
            to.replace(gone, ids[part], self._vectors(rows[part]))
            gone = ()

    def _vectors(self, rows: Rows) -> NDArray[np.float32]:
        scale = np.float32(1 / self._spec.scale)
        power = np.float32(_POWERS[self._spec.metric])
        return np.power(rows * scale, power, dtype=np.float32)

    def _ranked(
        self, index: Candidates, queries: Rows, *, count: int, k: int | None
    ) -> list[Neighbor]:
        """Return the ``k`` nearest of the candidates by their exact distances."""
        ids = index.near(self._vectors(queries), count=count)
        owners, rows = self._rows_of(ids)
        raw = [distances(self._spec.metric, query, rows) for query in queries]
        versions = np.repeat(np.arange(len(queries), dtype=np.int64), len(owners))
        return nearest_images(
            np.tile(owners, len(queries)),
            np.concatenate(raw),
            versions,
            k=k,
            scale=self._spec.scale,
        )
