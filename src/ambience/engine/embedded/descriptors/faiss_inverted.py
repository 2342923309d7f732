"""Calls into FAISS for local descriptors; loaded when first used, held as ``Any``."""

from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from ambience.core.errors import CorruptDataError
from ambience.core.keypoints import DESCRIPTOR_DIM
from ambience.engine.embedded.faiss_kernels import one_thread

_BITS = 8  # of a code for each part of a descriptor
_ROOM = 1.25  # times its size, for a list that is copied into memory

Vectors = NDArray[np.float32]


def nearest_point(vectors: Vectors, points: Vectors) -> NDArray[np.int64]:
    """Return which of the points is nearest to each vector, shape ``(n,)``.

    Args:
        vectors: Shape ``(n, dim)``.
        points: Shape ``(m, dim)``, ``m >= 1``.
    """
    _, found = one_thread().knn(vectors, points, 1)
    nearest: NDArray[np.int64] = found[:, 0]
    return nearest


class Codes(Protocol):
    """Descriptors under labels, which need not differ. Not thread-safe.

    Searches and `encode` may share it, a change needs it alone.
    """

    def __len__(self) -> int:
        """Return how many there are."""
        ...

    def encode(self, descriptors: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return what `append` takes for descriptors, ``(n, 128)``."""
        ...

    def append(self, codes: NDArray[np.uint8], labels: NDArray[np.int64]) -> None:
        """Add what `encode` returned, with labels ``(n,)`` that are not negative."""
        ...

    def nearest(
        self, descriptors: NDArray[np.uint8], *, k: int, nprobe: int
    ) -> tuple[Vectors, NDArray[np.int64]]:
        """Return the neighbors that seem nearest to each descriptor.

        Args:
            descriptors: Shape ``(q, 128)``.
            k: For each, at least 1.
            nprobe: How many lists to look into, where there are lists.

        Returns:
            L2 distances, squared, ascending, and labels, both ``(q, k)``; infinite
            (or the largest number) and -1 where fewer were found.
        """
        ...

    def write(self, file: Path) -> None:
        """Write everything into a new file.

        Raises:
            OSError: When the disk refuses.
        """
        ...


class FlatCodes:
    """Descriptors as they are, compared with every query."""

    def __init__(self, index: Any = None) -> None:
        if index is None:
            faiss = one_thread()
            flat = faiss.IndexFlatL2(DESCRIPTOR_DIM)
            index = faiss.IndexIDMap(flat)
            flat.this.disown()
            index.own_fields = True
        self._index = index

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def encode(self, descriptors: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """See `Codes`."""
        return descriptors.astype(np.float32).view(np.uint8)

    def append(self, codes: NDArray[np.uint8], labels: NDArray[np.int64]) -> None:
        """See `Codes`."""
        one_thread()
        self._index.add_with_ids(codes.view(np.float32), labels)

    def remove(self, gone: NDArray[np.int64]) -> None:
        """Take out everything under these labels."""
        faiss = one_thread()
        self._index.remove_ids(faiss.IDSelectorBatch(gone))

    def labels(self) -> NDArray[np.int64]:
        """Return a copy of all labels."""
        labels: NDArray[np.int64] = one_thread().vector_to_array(self._index.id_map)
        return labels

    def nearest(
        self, descriptors: NDArray[np.uint8], *, k: int, nprobe: int
    ) -> tuple[Vectors, NDArray[np.int64]]:
        """See `Codes`."""
        del nprobe
        one_thread()
        found: tuple[Vectors, NDArray[np.int64]] = self._index.search(
            descriptors.astype(np.float32), k
        )
        return found

    def write(self, file: Path) -> None:
        """See `Codes`."""
        _write(self._index, file)

    @classmethod
    def read(cls, file: Path) -> Self:
        """Return what `write` wrote.

        Raises:
            CorruptDataError: When the file is missing, damaged or something else.
        """
        faiss = one_thread()
        index = _read(file, 0)
        flat: Any = None
        if _is(index, "IndexIDMap"):
            flat = faiss.downcast_index(index.index)
        if (
            not _is(flat, "IndexFlatL2")
            or not index.d == flat.d == DESCRIPTOR_DIM
            or not index.ntotal == flat.ntotal == index.id_map.size()
        ):
            raise CorruptDataError(f"{file} holds no flat index of descriptors")
        return cls(index)


class InvertedCodes:
    """Descriptors in lists, one for each cell, 16 bytes each and 8 for the label."""

    def __init__(self, index: Any, *, mapped: bool) -> None:
        self._index = index
        self._mapped = mapped

    @classmethod
    def empty(cls, centroids: Vectors, codebooks: Vectors) -> Self:
        """Return codes for cells and codebooks as `quantizer.Quantizer` has them."""
        faiss = one_thread()
        coarse = faiss.IndexFlatL2(DESCRIPTOR_DIM)
        coarse.add(centroids)
        index = faiss.IndexIVFPQ(
            coarse, DESCRIPTOR_DIM, len(centroids), len(codebooks), _BITS
        )
        coarse.this.disown()
        index.own_fields = True
        faiss.copy_array_to_vector(codebooks.ravel(), index.pq.centroids)
        index.is_trained = True
        return cls(index, mapped=False)

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def lists(self) -> int:
        """How many lists there are."""
        return int(self._index.nlist)

    @property
    def mapped(self) -> bool:
        """Whether the codes lie in a file: FAISS ends the process if one is added."""
        return self._mapped

    def learned(self) -> tuple[Vectors, Vectors]:
        """Return the centroids and codebooks."""
        faiss = one_thread()
        centroids = self._index.quantizer.reconstruct_n(0, self.lists)
        books = faiss.vector_to_array(self._index.pq.centroids)
        return centroids, books.reshape(self._index.pq.M, 1 << _BITS, -1)

    def encode(self, descriptors: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """See `Codes`."""
        one_thread()
        codes: NDArray[np.uint8] = self._index.sa_encode(descriptors.astype(np.float32))
        return codes

    def append(self, codes: NDArray[np.uint8], labels: NDArray[np.int64]) -> None:
        """See `Codes`; not for mapped ones."""
        one_thread()
        self._index.add_sa_codes(codes, labels)

    def nearest(
        self, descriptors: NDArray[np.uint8], *, k: int, nprobe: int
    ) -> tuple[Vectors, NDArray[np.int64]]:
        """See `Codes`."""
        wanted = one_thread().SearchParametersIVF(nprobe=min(nprobe, self.lists))
        found: tuple[Vectors, NDArray[np.int64]] = self._index.search(
            descriptors.astype(np.float32), k, params=wanted
        )
        return found

    def labels(self, number: int) -> NDArray[np.int64]:
        """Return a copy of the labels in one list."""
        faiss = one_thread()
        lists = self._index.invlists
        size = lists.list_size(number)
        if not size:
            return np.empty(0, dtype=np.int64)
        labels: NDArray[np.int64] = faiss.rev_swig_ptr(lists.get_ids(number), size)
        return labels.copy()

    def keep(self, number: int, kept: NDArray[np.bool_]) -> None:
        """Leave out of a list what is not kept; not for mapped ones."""
        faiss = one_thread()
        lists = self._index.invlists
        size = lists.list_size(number)
        labels = self.labels(number)[kept]
        width = self._index.code_size
        codes = faiss.rev_swig_ptr(lists.get_codes(number), size * width)
        codes = codes.reshape(size, width)[kept]
        if len(labels):
            pointers = faiss.swig_ptr(labels), faiss.swig_ptr(codes)
            lists.update_entries(number, 0, len(labels), *pointers)
        lists.resize(number, len(labels))
        self._index.ntotal -= size - len(labels)

    def owned(self) -> "InvertedCodes":
        """Return a copy in memory, in lists with a little room.

        FAISS doubles a list that is full: 38 bytes a descriptor, where all grew so.
        """
        copy = InvertedCodes.empty(*self.learned())
        source, target = self._index.invlists, copy._index.invlists  # noqa: SLF001 -- our own class
        for number in range(self.lists):
            size = source.list_size(number)
            if size:
                target.resize(number, int(_ROOM * size))  # reserves so many
                target.resize(number, 0)
                entries = source.get_ids(number), source.get_codes(number)
                target.add_entries(number, size, *entries)
        copy._index.ntotal = self._index.ntotal  # noqa: SLF001 -- as above
        return copy

    def write(self, file: Path) -> None:
        """See `Codes`."""
        _write(self._index, file)

    @classmethod
    def read(cls, file: Path) -> Self:
        """Return what `write` wrote; the codes stay in the file and are mapped.

        Raises:
            CorruptDataError: When the file is missing, damaged or something else.
        """
        faiss = one_thread()
        flags = faiss.IO_FLAG_MMAP_IFC | faiss.IO_FLAG_SKIP_PRECOMPUTE_TABLE
        index = _read(file, flags)
        if not _is(index, "IndexIVFPQ") or not _fits(faiss, index):
            raise CorruptDataError(f"{file} holds no inverted file of descriptors")
        return cls(index, mapped=True)


def _read(file: Path, flags: int) -> Any:
    try:
        return one_thread().read_index(str(file), flags)
    except (RuntimeError, MemoryError) as error:
        message = f"the index snapshot {file} can't be read: {error}"
        raise CorruptDataError(message) from error


def _write(index: Any, file: Path) -> None:
    try:
        one_thread().write_index(index, str(file))
    except RuntimeError as error:
        raise OSError(f"{file} can't be written: {error}") from error


def _is(index: Any, name: str) -> bool:
    return type(index).__name__ == name


def _fits(faiss: Any, index: Any) -> bool:
    """Tell whether the numbers in a file that FAISS took agree with each other."""
    coarse = faiss.downcast_index(index.quantizer)
    pq, lists = index.pq, index.invlists
    return (
        _is(coarse, "IndexFlatL2")
        and index.d == coarse.d == pq.d == DESCRIPTOR_DIM
        and index.metric_type == faiss.METRIC_L2
        and index.is_trained
        and index.by_residual
        and index.nlist == coarse.ntotal == lists.nlist
        and index.code_size == pq.code_size == pq.M == lists.code_size
        and pq.nbits == _BITS
        and pq.centroids.size() == DESCRIPTOR_DIM << _BITS
        and index.ntotal == lists.compute_ntotal()
    )
