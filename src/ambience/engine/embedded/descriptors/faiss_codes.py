"""Local descriptors in a FAISS index, each under a label; here uncompressed."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ambience.core.errors import CorruptDataError
from ambience.core.keypoints import DESCRIPTOR_DIM
from ambience.engine.embedded.faiss_kernels import Vectors, one_thread


class Codes(ABC):
    """Encoded descriptors under labels, which need not be unique.

    Searches and `encode` may run concurrently; a change must run alone.

    Args:
        index: The FAISS index.
    """

    def __init__(self, index: Any) -> None:
        self._index = index

    def __len__(self) -> int:
        """Return the number of descriptors."""
        return int(self._index.ntotal)

    @abstractmethod
    def encode(self, descriptors: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return descriptors, shape ``(n, 128)``, as codes for `append`."""

    @abstractmethod
    def append(self, codes: NDArray[np.uint8], labels: NDArray[np.int64]) -> None:
        """Add codes from `encode`, with labels of at least 0, shape ``(n,)``."""

    @abstractmethod
    def nearest(
        self, descriptors: NDArray[np.uint8], *, k: int, nprobe: int
    ) -> tuple[Vectors, NDArray[np.int64]]:
        """Return the approximately nearest neighbors of each descriptor.

        Args:
            descriptors: Shape ``(q, 128)``.
            k: Neighbors per descriptor, at least 1.
            nprobe: Number of lists to search, if there are lists.

        Returns:
            Squared L2 distances, ascending, and labels, both ``(q, k)``. Where fewer
            were found, the distance is infinite (or the largest number) and the label
            is -1.
        """

    def write(self, file: Path) -> None:
        """Write everything to a new file.

        Raises:
            OSError: If it can't be written.
        """
        try:
            one_thread().write_index(self._index, str(file))
        except RuntimeError as error:
            raise OSError(f"{file} can't be written: {error}") from error


class FlatCodes(Codes):
    """Uncompressed descriptors, all compared with every query."""

    @classmethod
    def empty(cls) -> Self:
        """Return an empty index."""
        faiss = one_thread()
        flat = faiss.IndexFlatL2(DESCRIPTOR_DIM)
        index = faiss.IndexIDMap(flat)
        flat.this.disown()
        index.own_fields = True
        return cls(index)

    @classmethod
    def read(cls, file: Path) -> Self:
        """Return what `write` wrote.

        Raises:
            CorruptDataError: If the file is missing, damaged or something else.
        """
        faiss = one_thread()
        index = read_index(file)
        flat: Any = None
        if type(index).__name__ == "IndexIDMap":
            flat = faiss.downcast_index(index.index)
        if (
            type(flat).__name__ != "IndexFlatL2"
            or not index.d == flat.d == DESCRIPTOR_DIM
            or not index.ntotal == flat.ntotal == index.id_map.size()
        ):
            raise CorruptDataError(f"{file} is not a flat index of descriptors")
        return cls(index)

    def encode(self, descriptors: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """See `Codes.encode`."""
        return descriptors.astype(np.float32).view(np.uint8)

    def append(self, codes: NDArray[np.uint8], labels: NDArray[np.int64]) -> None:
        """See `Codes.append`."""
        one_thread()
        self._index.add_with_ids(codes.view(np.float32), labels)

    def nearest(
        self, descriptors: NDArray[np.uint8], *, k: int, nprobe: int
    ) -> tuple[Vectors, NDArray[np.int64]]:
        """See `Codes.nearest`; exact."""
        del nprobe  # there are no lists
        one_thread()
        found: tuple[Vectors, NDArray[np.int64]] = self._index.search(
            descriptors.astype(np.float32), k
        )
        return found

    def remove(self, labels: NDArray[np.int64]) -> None:
        """Remove everything under these labels."""
        faiss = one_thread()
        self._index.remove_ids(faiss.IDSelectorBatch(labels))

    def labels(self) -> NDArray[np.int64]:
        """Return a copy of all labels."""
        labels: NDArray[np.int64] = one_thread().vector_to_array(self._index.id_map)
        return labels


def read_index(file: Path, flags: int = 0) -> Any:
    """Return the FAISS index in a file.

    Args:
        file: The file.
        flags: How FAISS reads it: its ``IO_FLAG`` constants.

    Raises:
        CorruptDataError: If the file is missing or damaged.
    """
    try:
        return one_thread().read_index(str(file), flags)
    except (RuntimeError, MemoryError) as error:
        message = f"the index snapshot {file} can't be read: {error}"
        raise CorruptDataError(message) from error
