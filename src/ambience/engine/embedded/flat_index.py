"""The slow, obvious, exact index that every other one is compared with."""

from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ambience.core.features import FeatureSpec, ImageId, Rows
from ambience.engine.embedded.changes import ByReplacing
from ambience.engine.embedded.distances import distances
from ambience.engine.embedded.index import Neighbor
from ambience.engine.embedded.neighbors import nearest_images
from ambience.engine.embedded.row_buffer import GrowingRows, View


class FlatIndex(ByReplacing):
    """Compares a query with every row, for every metric."""

    def __init__(self, spec: FeatureSpec) -> None:
        super().__init__(spec)
        self._lock = Lock()  # one change at a time; searches need none
        self._rows = GrowingRows(spec)
        self._view = self._rows.view()

    def __len__(self) -> int:
        return len(self._rows)

    def replace(
        self, gone: Sequence[ImageId], ids: Sequence[ImageId], rows: Rows
    ) -> None:
        """Remove images and add rows."""
        with self._lock:
            self._rows.mark_removed(gone)
            self._rows.append(ids, rows)
            if self._rows.needs_compaction():
                self._rows.compact()
            self._view = self._rows.view()

    def search(self, rows: Rows, *, k: int) -> list[Neighbor]:
        """Return the ``k`` nearest images."""
        view = self._view
        raw, versions = self._distances(rows, view)
        ids = np.tile(view.ids, len(rows))
        return nearest_images(ids, raw, versions, k=k, scale=self._spec.scale)

    def within(self, rows: Rows, *, radius: float) -> list[Neighbor]:
        """Return every image at most ``radius`` away."""
        view = self._view
        raw, versions = self._distances(rows, view)
        near = raw / self._spec.scale <= radius
        ids = np.tile(view.ids, len(rows))[near]
        return nearest_images(ids, raw[near], versions[near], scale=self._spec.scale)

    def living(self) -> tuple[list[ImageId], Rows]:
        """Return what can be found: an id for each row, and the rows."""
        view = self._view
        living = view.ids >= 0
        return list(map(ImageId, view.ids[living].tolist())), view.rows[living]

    def save(self, folder: Path) -> None:
        """Write ``rows.npy`` and ``ids.npy``."""
        self._view.save(folder)

    def load(self, folder: Path) -> None:
        """Become what `save` wrote."""
        with self._lock:
            self._rows.load(folder)
            self._view = self._rows.view()

    def _distances(
        self, queries: Rows, view: View
    ) -> tuple[NDArray[Any], NDArray[np.int64]]:
        metric = self._spec.metric
        raw = [distances(metric, query, view.rows) for query in queries]
        versions = np.repeat(np.arange(len(queries), dtype=np.int64), len(view.ids))
        return np.concatenate([np.empty(0, dtype=np.int64), *raw]), versions
