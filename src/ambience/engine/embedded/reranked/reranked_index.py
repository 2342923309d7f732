"""The index of vectors: one bit per column finds candidates, exact distances rank."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from ambience.core.connected_components import joined
from ambience.core.features import FeatureSpec, ImageId, Metric, Rows
from ambience.engine.collection import Neighbor, TurnRows
from ambience.engine.embedded.flat_index import FlatIndex
from ambience.engine.embedded.reranked.candidates import CODES_FILE, Candidates
from ambience.engine.embedded.reranked.ordering import ordering_vectors
from ambience.engine.embedded.row_buffer import View
from ambience.engine.neighbors import compared, nearest_images

RowsOf = Callable[[NDArray[np.int64]], tuple[NDArray[np.int64], Rows]]
"""Returns the stored rows of images: the image of each row ``(n,)``, and the rows
``(n, dim)``. An image may have several rows; an image without a feature has none."""

EXACT_ROWS = 8_192
"""Up to this many rows are kept in memory and scanned: 8 MB and 4 ms for 512 ``uint16``
by L1, 13 MB and 8 ms for 768 ``float16`` by cosine. The codes are trained on these."""

# Candidates per image requested. With 30, recall@100 by L1 is above 0.999 among 1M
# images. The codes follow the order of L2 itself, where 5 found all 100 among 100,000
# histograms; 10 leave a margin.
_SHARE = 30
_L2_SHARE = 10
_MIN_CANDIDATES = 1_000
_CHUNK = 4_096  # rows converted to vectors at once: 8 MB
_COMPARED = 64  # images that one thread compares with all others at a time


class RerankedIndex:
    """Vectors compared by L1, L2 or cosine; a large index stores one bit per column.

    A search finds ``30 * k`` candidates by their codes (``10 * k`` for L2), reads their
    rows from the store and ranks them. So every distance is exact, and of the true
    nearest at least 0.999 are found among histograms by L1 and L2, and 0.995 among
    clustered vectors of 128 to 768 columns by cosine. `within` takes more candidates
    until only one in 30 (for L2, one in 10) is near enough. Up to `EXACT_ROWS` rows,
    both are exact. A row takes ``dim / 8 + 16`` bytes.
    """

    def __init__(self, spec: FeatureSpec, rows_of: RowsOf) -> None:
        """Create an empty index.

        Args:
            spec: The specification of the rows; for L1, they must not be negative.
            rows_of: Reads rows for the exact ranking; called from any thread.
        """
        self._spec = spec
        self._rows_of = rows_of
        self._lock = Lock()  # one change at a time
        self._share = _L2_SHARE if spec.metric is Metric.L2 else _SHARE
        self._index: FlatIndex | Candidates = FlatIndex(spec)

    def __len__(self) -> int:
        return len(self._index)

    @property
    def kind(self) -> str:
        """``exact`` up to `EXACT_ROWS` rows, then ``reranked``."""
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
        count = max(_MIN_CANDIDATES, self._share * k)
        while True:
            found = self._ranked(index, rows, count=count, k=k)
            # Images with many rows may have left too few images.
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
            if self._share * len(found) <= len(ranked) or count >= len(index):
                return found
            count *= 4

    def few_rows(self) -> View | None:
        """Return every row as long as all are kept."""
        index = self._index
        return index.few_rows() if isinstance(index, FlatIndex) else None

    def groups(
        self, *, radius: float, turn: TurnRows | None = None, threads: int = 1
    ) -> list[list[ImageId]]:
        """Return the groups of images that chains of near images connect.

        This searches with every image in every orientation, which takes minutes for
        100,000 images.
        """
        ids = self._index.image_ids()
        parts = [ids[at : at + _COMPARED] for at in range(0, len(ids), _COMPARED)]
        with ThreadPoolExecutor(threads) as pool:
            found = pool.map(
                lambda part: list(self._near(part, radius=radius, turn=turn)), parts
            )
            return joined(group for part in found for group in part)

    def save(self, folder: Path) -> None:
        """Write ``rows.npy`` and ``ids.npy``, and ``codes.npy`` if there are codes."""
        self._index.save(folder)

    def load(self, folder: Path) -> None:
        """Replace the content with what `save` wrote."""
        with self._lock:
            if (folder / CODES_FILE).exists():
                self._index = Candidates.loaded(folder, dim=self._spec.dim)
                return
            flat = FlatIndex(self._spec)
            flat.load(folder)
            self._index = flat

    def _near(
        self, ids: NDArray[np.int64], *, radius: float, turn: TurnRows | None
    ) -> Iterator[list[ImageId]]:
        """Yield each of these images together with the images near it."""
        image_of_row, upright = self._rows_of(ids)
        for rows in (upright, *(turn(upright) if turn else ())):
            for image_id in np.unique(image_of_row).tolist():
                near = self.within(rows[image_of_row == image_id], radius=radius)
                yield [ImageId(image_id), *(found.image_id for found in near)]

    def _encoded(
        self,
        index: FlatIndex,
        gone: Sequence[ImageId],
        ids: Sequence[ImageId],
        rows: Rows,
    ) -> Candidates:
        """Return the rows of an index that becomes too large, as codes."""
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
        """Return the ``k`` nearest candidates by exact distance."""
        ids = index.near(ordering_vectors(self._spec, queries), count=count)
        found = compared(self._spec, queries, *self._rows_of(ids))
        return nearest_images(*found, k=k, scale=self._spec.scale)
