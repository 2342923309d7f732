"""A growing array of rows and their image ids, read without a lock."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ambience.core.errors import BadInputError, CorruptDataError
from ambience.core.features import FeatureSpec, ImageId, Rows

REMOVED = -1
"""Replaces the image id of a removed row."""

_FIRST_CAPACITY = 1024
_MIN_DEAD = 1024  # fewer removed rows are never worth a compaction
_DEAD_SHARE = 0.1  # a larger share of removed rows costs more than moving the rest


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """The rows as one search sees them; neither array ever changes.

    Attributes:
        rows: Shape ``(n, dim)``.
        ids: The image of each row or `REMOVED`, ``int64``, shape ``(n,)``.
    """

    rows: Rows
    ids: NDArray[np.int64]

    def save(self, folder: Path) -> None:
        """Write ``rows.npy`` and ``ids.npy``."""
        np.save(folder / "rows.npy", self.rows, allow_pickle=False)
        np.save(folder / "ids.npy", self.ids, allow_pickle=False)


class RowBuffer:
    """Appends rows and marks removed ones.

    One thread at a time may change it. Any number of threads may use views meanwhile: a
    view stays valid whatever happens to the buffer.
    """

    def __init__(self, spec: FeatureSpec) -> None:
        self._dim = spec.dim
        self._dtype = np.dtype(spec.dtype)
        self.clear()

    def clear(self) -> None:
        """Remove every row."""
        self._rows: Rows = np.empty((_FIRST_CAPACITY, self._dim), dtype=self._dtype)
        self._ids = np.full(_FIRST_CAPACITY, REMOVED, dtype=np.int64)
        self._count = 0
        self._dead = 0
        self._highest = REMOVED  # of all ids ever appended

    def __len__(self) -> int:
        return self._count - self._dead

    def view(self) -> View:
        """Return the rows as they are now."""
        return View(self._rows[: self._count], self._ids[: self._count])

    def append(self, ids: Sequence[ImageId], rows: Rows) -> None:
        """Add one row for each id at the end.

        Raises:
            BadInputError: If the rows don't have the shape and dtype of the spec.
        """
        if rows.shape != (len(ids), self._dim) or rows.dtype != self._dtype:
            message = (
                f"the index takes ({len(ids)}, {self._dim}) rows of {self._dtype}, "
                f"not {rows.shape} of {rows.dtype}"
            )
            raise BadInputError(message)
        end = self._count + len(ids)
        if end > len(self._ids):
            self._grow(end)
        self._rows[self._count : end] = rows
        self._ids[self._count : end] = ids
        self._count = end
        self._highest = max(self._highest, *ids, REMOVED)

    def mark_removed(self, ids: Sequence[ImageId]) -> int:
        """Mark every row of these images; return how many there were."""
        # most ids that come are new, and higher than all before: nothing to look for
        known = [image_id for image_id in ids if image_id <= self._highest]
        if not known:
            return 0
        gone = np.isin(self._ids[: self._count], np.array(known, dtype=np.int64))
        removed = int(np.count_nonzero(gone))
        if removed:
            self._ids = self._ids.copy()  # existing views keep the old array
            self._ids[: self._count][gone] = REMOVED
            self._dead += removed
        return removed

    def needs_compaction(self) -> bool:
        """Return whether there are many removed rows."""
        return self._dead > max(_MIN_DEAD, _DEAD_SHARE * self._count)

    def compact(self) -> None:
        """Drop removed rows by copying the others, in order, to new arrays."""
        ids = self._ids[: self._count]
        living = ids >= 0
        self._rows, self._ids = self._rows[: self._count][living], ids[living]
        self._count, self._dead = len(self._ids), 0

    def load(self, folder: Path) -> None:
        """Read what `View.save` wrote.

        Raises:
            CorruptDataError: If files are missing or don't fit together.
        """
        try:
            rows = np.load(folder / "rows.npy", allow_pickle=False)
            ids = np.load(folder / "ids.npy", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            message = f"the index snapshot in {folder} can't be read: {error}"
            raise CorruptDataError(message) from error
        if (
            rows.shape != (len(ids), self._dim)
            or rows.dtype != self._dtype
            or ids.dtype != np.int64
        ):
            message = (
                f"the index snapshot in {folder} holds rows of another shape or type"
            )
            raise CorruptDataError(message)
        self._rows, self._ids, self._count = rows, ids, len(ids)
        self._dead = int(np.count_nonzero(ids < 0))
        self._highest = int(ids.max(initial=REMOVED))

    def _grow(self, needed: int) -> None:
        capacity = max(needed, len(self._ids) * 3 // 2, _FIRST_CAPACITY)
        rows = np.empty((capacity, self._dim), dtype=self._dtype)
        ids = np.full(capacity, REMOVED, dtype=np.int64)
        rows[: self._count] = self._rows[: self._count]
        ids[: self._count] = self._ids[: self._count]
        self._rows, self._ids = rows, ids
