"""Calls into FAISS: imported on first use, and typed ``Any`` as its stubs are wrong."""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ambience.core.features import Rows

_ROTATION_SEED = 1

Vectors = NDArray[np.float32]
"""Shape ``(n, dim)``."""

# From this many query values on, FAISS computes distances with a matrix product. It is
# faster from 20 queries of 128 dimensions on, and three times as fast with 800 queries;
# the default of FAISS 1.15 is 1,000 queries.
_BLAS_FROM = 20 * 128


@cache
def _faiss() -> Any:
    import faiss  # noqa: PLC0415 -- heavy: only for those who search

    faiss.cvar.distance_compute_blas_threshold = _BLAS_FROM
    return faiss


def one_thread() -> Any:
    """Return FAISS, limited to the calling thread.

    Searches run concurrently, and FAISS's own threads spin while they wait for a busy
    core: a search with two threads on two shared cores took 40 times as long.
    """
    faiss = _faiss()
    faiss.omp_set_num_threads(1)  # affects calls from this thread only
    return faiss


def nearest_points(vectors: Vectors, points: Vectors) -> NDArray[np.int64]:
    """Return the position of the point nearest to each vector, shape ``(n,)``.

    Args:
        vectors: Shape ``(n, dim)``.
        points: Shape ``(m, dim)``, ``m >= 1``.
    """
    _, found = one_thread().knn(vectors, points, 1)
    nearest: NDArray[np.int64] = found[:, 0]
    return nearest


def nearest_hamming(
    queries: Rows, rows: Rows, *, k: int
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Return the ``k`` nearest rows of each query.

    Args:
        queries: ``uint8``, shape ``(q, bytes)``.
        rows: ``uint8``, shape ``(n, bytes)``, ``n >= k``.
        k: At least 1.

    Returns:
        Distances in bits, ascending, and positions in ``rows``, both ``(q, k)``. If
        several rows tie for the last place, any of them may be returned.
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
        Positions in ``rows``, distances in bits, and positions in ``queries``, each of
        shape ``(found,)``.
    """
    faiss = one_thread()
    queries = np.ascontiguousarray(queries)
    found = faiss.RangeSearchResult(len(queries))
    faiss.hamming_range_search(
        faiss.swig_ptr(queries),
        faiss.swig_ptr(rows),
        len(queries),
        len(rows),
        radius + 1,  # FAISS returns distances below this
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
    query_rows = np.repeat(np.arange(len(queries), dtype=np.int64), np.diff(limits))
    return positions, distances, query_rows


class RaBitQCodes:
    """Vectors compressed to one bit per dimension; queries stay exact, under L2.

    J. Gao, C. Long: RaBitQ, SIGMOD 2024. The vectors are rotated at random first, with
    a fixed seed: without the rotation, 38 of a histogram's 100 neighbors were found
    instead of 100. A vector takes ``dim / 8 + 8`` bytes. Searches may run concurrently;
    a change must run alone.
    """

    def __init__(self, index: Any) -> None:
        self._index = index

    @classmethod
    def trained(cls, sample: Vectors) -> "RaBitQCodes":
        """Return empty codes for vectors like a sample, relative to its mean.

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
        """Return the codes that `as_bytes` serialized.

        Raises:
            ValueError: If the bytes are something else.
        """
        try:
            index = _faiss().deserialize_index(data)
        except (RuntimeError, MemoryError) as error:
            raise ValueError(f"not an index of codes: {error}") from error
        if index.d != dim:
            raise ValueError(f"codes of {index.d} dimensions, not {dim}")
        return cls(index)

    def as_bytes(self) -> NDArray[np.uint8]:
        """Serialize the codes and what was learned from the sample."""
        data: NDArray[np.uint8] = _faiss().serialize_index(self._index)
        return data

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def encode(self, vectors: Vectors) -> NDArray[np.uint8]:
        """Return codes, shape ``(n, code bytes)``; may run during searches."""
        one_thread()
        codes: NDArray[np.uint8] = self._index.sa_encode(vectors)
        return codes

    def append(self, codes: NDArray[np.uint8]) -> None:
        """Append codes from `encode`."""
        inner = _faiss().downcast_index(self._index.index)
        inner.add_sa_codes(codes)
        self._index.ntotal = inner.ntotal

    def remove(self, positions: NDArray[np.int64]) -> None:
        """Remove the codes at these positions; later ones move up."""
        faiss = one_thread()
        inner = faiss.downcast_index(self._index.index)
        inner.remove_ids(faiss.IDSelectorBatch(positions))
        self._index.ntotal = inner.ntotal

    def nearest(self, vectors: Vectors, *, k: int) -> NDArray[np.int64]:
        """Return the positions of the approximately nearest codes.

        Args:
            vectors: Shape ``(q, dim)``.
            k: Neighbors per vector, at most the number of codes.

        Returns:
            Shape ``(q, k)``.
        """
        one_thread()
        positions: NDArray[np.int64] = self._index.search(vectors, k)[1]
        return positions
