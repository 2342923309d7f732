"""The exact, simple and slow index that the others are compared with."""

from collections.abc import Sequence
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from ambience.core.features import FeatureSpec, ImageId, Rows
from ambience.engine.collection import Neighbor
from ambience.engine.embedded.row_buffer import RowBuffer, View
from ambience.engine.neighbors import compared, nearest_images


class FlatIndex:
    """Compares a query with every row, under any metric.

    Args:
        spec: The specification of its rows.
    """

    def __init__(self, spec: FeatureSpec) -> None:
        self._spec = spec
        self._lock = Lock()  # one change at a time; searches need none
        self._rows = RowBuffer(spec)
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

    def few_rows(self) -> View:
        """Return every row: nothing else is looked through."""
        return self._view

    def nearest(self, rows: Rows, *, k: int) -> list[Neighbor]:
        """Return the ``k`` nearest images."""
        view = self._view
        found = compared(self._spec, rows, view.ids, view.rows)
        return nearest_images(*found, k=k, scale=self._spec.scale)

    def within(self, rows: Rows, *, radius: float) -> list[Neighbor]:
        """Return every image at most ``radius`` away."""
        view, scale = self._view, self._spec.scale
        ids, raw, query_rows = compared(self._spec, rows, view.ids, view.rows)
        near = raw / scale <= radius
        return nearest_images(ids[near], raw[near], query_rows[near], scale=scale)

    def image_ids(self) -> NDArray[np.int64]:
        """Return the images that can be found, sorted, each once."""
        ids = np.unique(self._view.ids)
        return ids[ids >= 0]

    def living(self) -> tuple[list[ImageId], Rows]:
        """Return the rows that can be found, with the image of each."""
        view = self._view
        living = view.ids >= 0
        return list(map(ImageId, view.ids[living].tolist())), view.rows[living]

    def save(self, folder: Path) -> None:
        """Write ``rows.npy`` and ``ids.npy``."""
        self._view.save(folder)

    def load(self, folder: Path) -> None:
        """Replace the content with what `save` wrote."""
        with self._lock:
            self._rows.load(folder)
            self._view = self._rows.view()
