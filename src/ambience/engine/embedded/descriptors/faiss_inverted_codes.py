"""Local descriptors compressed to 16 bytes, in the lists of a FAISS inverted file."""

from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ambience.core.errors import CorruptDataError
from ambience.core.keypoints import DESCRIPTOR_DIM
from ambience.engine.embedded.descriptors.faiss_codes import Codes, read_index
from ambience.engine.embedded.faiss_kernels import Vectors, one_thread

_BITS = 8  # of the code for each part of a descriptor
_ROOM = 1.25  # capacity of a list copied into memory, as a multiple of its size


class InvertedCodes(Codes):
    """Descriptors in one list per cell, at 16 bytes each plus 8 for the label.

    Args:
        index: The FAISS index.
        mapped: Whether its codes are mapped from a file and can't be changed.
    """

    def __init__(self, index: Any, *, mapped: bool) -> None:
        super().__init__(index)
        self._mapped = mapped

    @classmethod
    def empty(cls, centroids: Vectors, codebooks: Vectors) -> Self:
        """Return an empty index with the cells and codebooks of a `Quantizer`."""
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

    @classmethod
    def read(cls, file: Path) -> Self:
        """Return what `write` wrote, with the codes mapped from the file.

        Raises:
            CorruptDataError: If the file is missing, damaged or something else.
        """
        faiss = one_thread()
        flags = faiss.IO_FLAG_MMAP_IFC | faiss.IO_FLAG_SKIP_PRECOMPUTE_TABLE
        index = read_index(file, flags)
        if type(index).__name__ != "IndexIVFPQ" or not _is_consistent(faiss, index):
            raise CorruptDataError(f"{file} is not an inverted file of descriptors")
        return cls(index, mapped=True)

    @property
    def lists(self) -> int:
        """Number of lists."""
        return int(self._index.nlist)

    @property
    def mapped(self) -> bool:
        """Whether codes are mapped from a file; a change then crashes the process."""
        return self._mapped

    def learned(self) -> tuple[Vectors, Vectors]:
        """Return the centroids and codebooks; see `Quantizer`."""
        faiss = one_thread()
        centroids = self._index.quantizer.reconstruct_n(0, self.lists)
        books = faiss.vector_to_array(self._index.pq.centroids)
        return centroids, books.reshape(self._index.pq.M, 1 << _BITS, -1)

    def encode(self, descriptors: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """See `Codes.encode`."""
        one_thread()
        codes: NDArray[np.uint8] = self._index.sa_encode(descriptors.astype(np.float32))
        return codes

    def append(self, codes: NDArray[np.uint8], labels: NDArray[np.int64]) -> None:
        """See `Codes.append`; not for mapped codes."""
        one_thread()
        self._index.add_sa_codes(codes, labels)

    def nearest(
        self, descriptors: NDArray[np.uint8], *, k: int, nprobe: int
    ) -> tuple[Vectors, NDArray[np.int64]]:
        """See `Codes.nearest`."""
        wanted = one_thread().SearchParametersIVF(nprobe=min(nprobe, self.lists))
        found: tuple[Vectors, NDArray[np.int64]] = self._index.search(
            descriptors.astype(np.float32), k, params=wanted
        )
        return found

    def labels(self, number: int) -> NDArray[np.int64]:
        """Return a copy of the labels in a list."""
        faiss = one_thread()
        lists = self._index.invlists
        size = lists.list_size(number)
        if not size:
            return np.empty(0, dtype=np.int64)
        labels: NDArray[np.int64] = faiss.rev_swig_ptr(lists.get_ids(number), size)
        return labels.copy()

    def keep(self, number: int, kept: NDArray[np.bool_]) -> None:
        """Keep only some codes of a list; not for mapped codes."""
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

    def in_memory(self) -> "InvertedCodes":
        """Return a copy in memory, whose lists have a little room to grow.

        FAISS doubles the capacity of full lists, which would take up to 38 bytes per
        descriptor.
        """
        copy = InvertedCodes.empty(*self.learned())
        index = copy._index  # noqa: SLF001 -- the same class
        source, target = self._index.invlists, index.invlists
        for number in range(self.lists):
            size = source.list_size(number)
            if size:
                target.resize(number, int(_ROOM * size))  # reserves the capacity
                target.resize(number, 0)
                entries = source.get_ids(number), source.get_codes(number)
                target.add_entries(number, size, *entries)
        index.ntotal = self._index.ntotal
        return copy


def _is_consistent(faiss: Any, index: Any) -> bool:
    """Return whether the numbers in a file that FAISS accepted agree."""
    coarse = faiss.downcast_index(index.quantizer)
    pq, lists = index.pq, index.invlists
    return (
        type(coarse).__name__ == "IndexFlatL2"
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
