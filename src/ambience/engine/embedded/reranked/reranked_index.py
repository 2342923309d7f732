"""The index of vectors: candidates from one bit a column, ranked by exact distance."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from ambience.core.connected import joined
from ambience.core.features import FeatureSpec, ImageId, Rows
from ambience.engine.collection import Neighbor, Turned
from ambience.engine.embedded.flat_index import FlatIndex
from ambience.engine.embedded.reranked.candidates import CODES_FILE, Candidates
from ambience.engine.embedded.reranked.ordering import ordering_vectors
from ambience.engine.neighbors import compared, nearest_images

RowsOf = Callable[[NDArray[np.int64]], tuple[NDArray[np.int64], Rows]]
"""Returns the stored rows of images: ids ``(n,)``, one a row, and rows ``(n, dim)``.
An image may have several; one that is no longer there is missing."""

EXACT_ROWS = 8_192
"""Up to here all rows are kept and read: 8 MB and 4 ms for 512 ``uint16``. The codes
are then based on the mean of these."""

_SHARE = 30  # candidates for each image asked for: recall@100 above 0.999 among 1M
_MIN_CANDIDATES = 1_000
_CHUNK = 4_096  # rows turned into vectors at once: 8 MB of them
_COMPARED = 64  # images whose neighbors one thread looks for at a time


class RerankedIndex:
    """Vectors compared by L1, L2 or cosine, in one bit a column once they are many.

    A search takes 30 times ``k`` candidates by the codes, reads their rows from the
    store and ranks these: every distance is exact, and of the true nearest at least
    0.999 are found. `within` takes more candidates until at most one in 30 is near
    enough. Up to `EXACT_ROWS` rows, both are exact. A row takes ``dim / 8 + 16`` bytes.
    """

    def __init__(self, spec: FeatureSpec, rows_of: RowsOf) -> None:
        """Start empty.

        Args:
            spec: Of the rows; those compared by L1 are not negative.
            rows_of: Reads rows for the exact ranking; called by many threads at once.
        """
        self._spec = spec
        self._rows_of = rows_of
        self._lock = Lock()  # one change at a time
        self._index: FlatIndex | Candidates = FlatIndex(spec)

    def __len__(self) -> int:
        return len(self._index)

    @property
    def kind(self) -> str:
        """``exact`` while rows are few, then ``reranked``."""
        return "exact" if isinstance(self._index, FlatIndex) else "reranked"

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

    def nearest(self, rows: Rows, *, k: int) -> list[Neighbor]:
        """Return the ``k`` nearest images."""
        index = self._index
        if isinstance(index, FlatIndex):
            return index.nearest(rows, k=k)
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

    def groups(
        self, *, radius: float, turned: Turned | None = None, threads: int = 1
    ) -> list[list[ImageId]]:
        """Return the groups of images that chains of near ones connect.

        Every image is searched with, in every version: minutes for 100,000.
        """
        ids = self._index.image_ids()
        parts = [ids[at : at + _COMPARED] for at in range(0, len(ids), _COMPARED)]
        with ThreadPoolExecutor(threads) as pool:
            found = pool.map(
                lambda part: list(self._near(part, radius=radius, turned=turned)),
                parts,
            )
            return joined(group for part in found for group in part)

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

    def _near(
        self, ids: NDArray[np.int64], *, radius: float, turned: Turned | None
    ) -> Iterator[list[ImageId]]:
        """Yield each of these images with those that are near it."""
        owners, rows = self._rows_of(ids)
        for version in (rows, *(turned(rows) if turned else ())):
            for image_id in np.unique(owners).tolist():
                near = self.within(version[owners == image_id], radius=radius)
                yield [ImageId(image_id), *(found.image_id for found in near)]

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
        candidates = Candidates.trained(ordering_vectors(self._spec, sample))
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
            to.replace(gone, ids[part], ordering_vectors(self._spec, rows[part]))
            gone = ()

    def _ranked(
        self, index: Candidates, queries: Rows, *, count: int, k: int | None
    ) -> list[Neighbor]:
        """Return the ``k`` nearest of the candidates by their exact distances."""
        ids = index.near(ordering_vectors(self._spec, queries), count=count)
        found = compared(self._spec, queries, *self._rows_of(ids))
        return nearest_images(*found, k=k, scale=self._spec.scale)
