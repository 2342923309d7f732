"""Every call into FAISS; loaded when first used, held as ``Any``: its stubs mislead."""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ambience.core.features import Rows

_ROTATION_SEED = 1

# Queries times dimensions from which distances come from a product of matrices. From
# 20 queries of 128 it is faster, at 800 three times; FAISS 1.15 begins at 1,000.
_BLAS_FROM = 20 * 128


@cache
def _faiss() -> Any:
    import faiss  # noqa: PLC0415 - heavy: only for who searches

    faiss.cvar.distance_compute_blas_threshold = _BLAS_FROM
    return faiss


def one_thread() -> Any:
    """Return FAISS, kept to the calling thread.

    Searches run at once with each other, and the threads of one that wait for a busy
    core spin there: two threads on two shared cores took 40 times as long as one.
    """
    faiss = _faiss()
    faiss.omp_set_num_threads(1)  # for calls from this thread only
    return faiss


def nearest_hamming(
    queries: Rows, rows: Rows, *, k: int
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Return the ``k`` nearest rows of each query.

    Args:
        queries: ``uint8``, shape ``(q, bytes)``.
        rows: ``uint8``, shape ``(n, bytes)``, ``n >= k``.
        k: At least 1.

    Returns:
        Distances in bits, ascending, and positions in ``rows``, both ``(q, k)``. Which
        of the rows at the last distance are among them is not defined.
    """
    found: tuple[NDArray[np.int32], NDArray[np.int64]] = one_thread().knn_hamming(
        np.ascontiguousarray(queries), rows, k
    )
    return found


def within_hamming(
    queries: Rows, rows: Rows, *, radius: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return every row at most ``radius`` bits from a query.

    Args:
        queries: ``uint8``, shape ``(q, bytes)``.
        rows: ``uint8``, shape ``(n, bytes)``.
        radius: In bits.

    Returns:
        Positions in ``rows``, distances, and which query, each ``(found,)``.
    """
    faiss = one_thread()
    queries = np.ascontiguousarray(queries)
    found = faiss.RangeSearchResult(len(queries))
    faiss.hamming_range_search(
        faiss.swig_ptr(queries),
        faiss.swig_ptr(rows),
        len(queries),
        len(rows),
        radius + 1,  # it looks for distances below this
        rows.shape[1],
        found,
    )
    limits = faiss.rev_swig_ptr(found.lims, len(queries) + 1).astype(np.int64)
    total = int(limits[-1])
    positions = np.empty(0, dtype=np.int64)
    distances = np.empty(0, dtype=np.int64)
    if total:
        positions = faiss.rev_swig_ptr(found.labels, total).copy()
        distances = faiss.rev_swig_ptr(found.distances, total).astype(np.int64)
    versions = np.repeat(np.arange(len(queries), dtype=np.int64), np.diff(limits))
    return positions, distances, versions


class RaBitQCodes:
    """Vectors in a bit a dimension, compared with an exact query under L2.

    J. Gao, C. Long: RaBitQ, SIGMOD 2024. The vectors are turned at random first, with
    a fixed seed: without that, 38 of 100 neighbours of a histogram were found and not
    100. Takes ``dim / 8 + 8`` bytes a vector. Not thread-safe: searches may share it,
    a change needs it alone.
    """

    def __init__(self, index: Any) -> None:
        self._index = index

    @classmethod
    def trained(cls, sample: NDArray[np.float32]) -> "RaBitQCodes":
        """Return empty codes for vectors like a sample, whose mean they are based on.

        Args:
            sample: Shape ``(n, dim)``, ``n >= 1``.
        """
        faiss = one_thread()
        dim = sample.shape[1]
        turn = faiss.RandomRotationMatrix(dim, dim)
        turn.init(_ROTATION_SEED)
        codes = faiss.IndexRaBitQ(dim, faiss.METRIC_L2, 1)
        index = faiss.IndexPreTransform(turn, codes)
        index.train(sample)
        return cls(index)

    @classmethod
    def from_bytes(cls, data: NDArray[np.uint8], *, dim: int) -> "RaBitQCodes":
        """Return what `as_bytes` gave.

        Raises:
            ValueError: When the bytes are something else.
        """
        try:
            index = _faiss().deserialize_index(data)
        except (RuntimeError, MemoryError) as error:
            raise ValueError(f"not an index of codes: {error}") from error
        if index.d != dim:
            raise ValueError(f"codes of {index.d} dimensions, not {dim}")
        return cls(index)

    def as_bytes(self) -> NDArray[np.uint8]:
        """Return a copy of everything."""
        data: NDArray[np.uint8] = _faiss().serialize_index(self._index)
        return data

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def encode(self, vectors: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Return codes, shape ``(n, code bytes)``; may run beside searches."""
        one_thread()
        codes: NDArray[np.uint8] = self._index.sa_encode(vectors)
        return codes

    def append(self, codes: NDArray[np.uint8]) -> None:
        """Add codes from `encode` at the end."""
        inner = _faiss().downcast_index(self._index.index)
        inner.add_sa_codes(codes)
        self._index.ntotal = inner.ntotal

    def remove(self, positions: NDArray[np.int64]) -> None:
        """Take codes out; those behind move up."""
        faiss = one_thread()
        inner = faiss.downcast_index(self._index.index)
        inner.remove_ids(faiss.IDSelectorBatch(positions))
        self._index.ntotal = inner.ntotal

    def nearest(self, vectors: NDArray[np.float32], *, k: int) -> NDArray[np.int64]:
        """Return the positions that seem nearest.

        Args:
            vectors: Shape ``(q, dim)``.
            k: For each vector; at most as many as there are codes.

        Returns:
            Shape ``(q, k)``.
        """
        one_thread()
        positions: NDArray[np.int64] = self._index.search(vectors, k)[1]
        return positions
