"""Finds the images that may be near a query, by compressed vectors."""

from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ambience.core.errors import CorruptDataError
from ambience.core.features import FeatureSpec, ImageId, Metric
from ambience.core.rwlock import ReadWriteLock
from ambience.engine.embedded.faiss_kernels import RaBitQCodes
from ambience.engine.embedded.row_buffer import RowBuffer

CODES_FILE = "codes.npy"


class Candidates:
    """Vectors compressed to one bit per dimension, each with its image.

    Searches share a lock. A change holds it exclusively only while it appends or moves
    codes; encoding, the slow part, is done before.
    """

    def __init__(self, codes: RaBitQCodes, ids: RowBuffer) -> None:
        self._changing = Lock()  # one change at a time
        self._lock = ReadWriteLock()  # codes and ids change together
        self._codes = codes
        self._ids = ids

    @classmethod
    def trained(cls, sample: NDArray[np.float32]) -> Self:
        """Return an empty set for vectors like a sample, shape ``(n, dim)``."""
        return cls(RaBitQCodes.trained(sample), _no_ids())

    @classmethod
    def loaded(cls, folder: Path, *, dim: int) -> Self:
        """Return what `save` wrote.

        Raises:
            CorruptDataError: If files are missing or don't fit together.
        """
        ids = _no_ids()
        ids.load(folder)
        try:
            data = np.load(folder / CODES_FILE, allow_pickle=False)
            codes = RaBitQCodes.from_bytes(data, dim=dim)
        except (OSError, ValueError, EOFError) as error:
            message = f"the index snapshot in {folder} can't be read: {error}"
            raise CorruptDataError(message) from error
        if len(codes) != len(ids.view().ids):
            message = f"the index snapshot in {folder} does not have one id per code"
            raise CorruptDataError(message)
        return cls(codes, ids)

    def __len__(self) -> int:
        return len(self._ids)

    def replace(
        self,
        gone: Sequence[ImageId],
        ids: Sequence[ImageId],
        vectors: NDArray[np.float32],
    ) -> None:
        """Remove all vectors of some images, and add one vector for each id."""
        with self._changing:
            encoded = self._codes.encode(vectors)
            with self._lock.write():
                self._ids.mark_removed(gone)
                self._codes.append(encoded)
                self._ids.append(ids, np.empty((len(ids), 0), np.uint8))
            if self._ids.needs_compaction():
                dead = np.flatnonzero(self._ids.view().ids < 0)
                with self._lock.write():
                    self._codes.remove(dead)
                    self._ids.compact()

    def image_ids(self) -> NDArray[np.int64]:
        """Return the images that can be found, sorted, each once."""
        ids = np.unique(self._ids.view().ids)
        return ids[ids >= 0]

    def near(self, vectors: NDArray[np.float32], *, count: int) -> NDArray[np.int64]:
        """Return the images of the approximately ``count`` nearest vectors per query.

        Args:
            vectors: The queries, shape ``(q, dim)``.
            count: Vectors per query.

        Returns:
            Sorted ids, each once.
        """
        with self._lock.read():
            ids = self._ids.view().ids
            if count >= len(self._ids):
                count = len(ids)  # all, including removed ones
            if not count:
                return np.empty(0, dtype=np.int64)
            found = np.unique(ids[self._codes.nearest(vectors, k=count)])
        return found[found >= 0]

    def save(self, folder: Path) -> None:
        """Write the codes and ids; changes wait while these are copied in memory."""
        with self._changing:
            data = self._codes.as_bytes()
            view = self._ids.view()
        np.save(folder / CODES_FILE, data, allow_pickle=False)
        view.save(folder)


def _no_ids() -> RowBuffer:
    """Return a buffer of ids: its rows have no columns."""
    return RowBuffer(FeatureSpec(dim=0, dtype="uint8", metric=Metric.HAMMING))
