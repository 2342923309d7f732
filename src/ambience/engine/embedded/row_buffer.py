"""Rows with their image ids, appended at the end and read without a lock."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ambience.core.errors import BadInputError, CorruptDataError
from ambience.core.features import FeatureSpec, ImageId, Rows

REMOVED = -1
"""Stands in place of the id of a row that was removed."""

_FIRST_CAPACITY = 1024
_MIN_DEAD = 1024  # fewer removed rows are never worth a compaction
_DEAD_SHARE = 0.1  # of removed rows, past which they cost more than moving the rest


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """What one search works on.

    Attributes:
        rows: Shape ``(n, dim)``.
        ids: ``int64``, shape ``(n,)``, or `REMOVED`. Neither ever changes.
    """

    rows: Rows
    ids: NDArray[np.int64]

    def save(self, folder: Path) -> None:
        """Write ``rows.npy`` and ``ids.npy``."""
        np.save(folder / "rows.npy", self.rows, allow_pickle=False)
        np.save(folder / "ids.npy", self.ids, allow_pickle=False)


class RowBuffer:
    """Appends rows and marks removed ones.

    One thread may change it at a time. Any number may use views meanwhile; a view stays
    valid whatever happens to the rows it was taken from.
    """

    def __init__(self, spec: FeatureSpec) -> None:
        self._dim = spec.dim
        self._dtype = np.dtype(spec.dtype)
        self.clear()

    def clear(self) -> None:
        """Forget every row."""
        self._rows: Rows = np.empty((_FIRST_CAPACITY, self._dim), dtype=self._dtype)
        self._ids = np.full(_FIRST_CAPACITY, REMOVED, dtype=np.int64)
        self._count = 0
        self._dead = 0
        self._highest = REMOVED  # of the ids that ever stood here

    def __len__(self) -> int:
        return self._count - self._dead

    def view(self) -> View:
        """Return the rows as they are now."""
        return View(self._rows[: self._count], self._ids[: self._count])

    def append(self, ids: Sequence[ImageId], rows: Rows) -> None:
        """Add one row for each id at the end.

        Raises:
            BadInputError: When the rows don't have the shape and dtype of the spec.
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
            self._ids = self._ids.copy()  # views have the one before
            self._ids[: self._count][gone] = REMOVED
            self._dead += removed
        return removed

    def needs_compaction(self) -> bool:
        """Tell whether removed rows have become many."""
        return self._dead > max(_MIN_DEAD, _DEAD_SHARE * self._count)

    def compact(self) -> None:
        """Drop removed rows, in new arrays; the others keep their order."""
        ids = self._ids[: self._count]
        living = ids >= 0
        self._rows, self._ids = self._rows[: self._count][living], ids[living]
        self._count, self._dead = len(self._ids), 0

    def load(self, folder: Path) -> None:
        """Read what `View.save` wrote.

        Raises:
            CorruptDataError: When the files are missing or don't fit.
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
            message = f"the index snapshot in {folder} holds rows of another kind"
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
