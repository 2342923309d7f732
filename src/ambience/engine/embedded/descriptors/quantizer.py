"""Learns to compress descriptors: a cell for each, and a code for the remainder."""

from collections.abc import Callable
from dataclasses import dataclass
from math import isqrt

import numpy as np
from numpy.typing import NDArray

from ambience.core.keypoints import DESCRIPTOR_DIM, ROW
from ambience.engine.embedded.faiss_kernels import Vectors, nearest_points

PARTS = 16  # bytes per descriptor: one codebook entry for every 8 dimensions
WORDS = 256  # entries of a codebook: 8 bits

_MIN_LISTS = 64
_SAMPLE_PER_LIST = 40  # descriptors: FAISS asks for at least 39
_RESIDUALS = 65_536  # 256 per codebook entry, FAISS's upper limit
_ROUNDS = 10  # of Lloyd's algorithm: FAISS's default for an inverted file
_BLOCK = 8_192  # descriptors between two calls of `stop`: 0.5 s with 16,384 lists
_OFFSET = 1 / 1024  # between the two halves of a split cell: FAISS's default
_SEED = 1


class TrainingStoppedError(Exception):
    """Training was stopped before it was done."""


def lists_for(count: int) -> int:
    """Return the number of lists for this many descriptors.

    It is the largest power of two up to four times the square root, the minimum in
    FAISS's guidelines. A search then compares about as many centroids as descriptors.
    """
    most = max(_MIN_LISTS, isqrt(16 * count))
    return 1 << (most.bit_length() - 1)


def name_of(lists: int) -> str:
    """Return FAISS's name for an inverted file with this many lists."""
    return f"IVF{lists},PQ{PARTS}"


def sample_size(count: int) -> int:
    """Return the number of descriptors to train with, for an index of ``count``."""
    return _SAMPLE_PER_LIST * lists_for(count)


@dataclass(frozen=True, slots=True, eq=False)
class Quantizer:
    """A trained inverted file with product quantization, without its descriptors.

    H. Jegou, M. Douze, C. Schmid: Product quantization for nearest neighbor search,
    PAMI 2011.

    Attributes:
        centroids: The cells, shape ``(lists, DESCRIPTOR_DIM)``.
        codebooks: Shape ``(PARTS, WORDS, DESCRIPTOR_DIM / PARTS)``.
        count: Number of descriptors in the index it was trained for.
    """

    centroids: Vectors
    codebooks: Vectors
    count: int

    @property
    def kind(self) -> str:
        """FAISS's name for it."""
        return name_of(len(self.centroids))

    @classmethod
    def trained(
        cls,
        sample: NDArray[np.uint8],
        count: int,
        stop: Callable[[], bool] = lambda: False,
    ) -> "Quantizer":
        """Return a quantizer learned from a sample; equal samples give equal ones.

        Args:
            sample: Rows of keypoints drawn evenly from all, shape ``(n, 136)``; about
                `sample_size` of them, and at least 1.
            count: Number of descriptors in the index.
            stop: Called about twice a second, from this thread; training stops once it
                returns ``True``.

        Raises:
            TrainingStoppedError: If ``stop`` returned ``True``.
        """
        descriptors = np.ascontiguousarray(sample).view(ROW)[:, 0]["descriptor"]
        centroids = clustered(descriptors, lists_for(count), stop)
        chosen = np.linspace(0, len(descriptors) - 1, _RESIDUALS).astype(np.intp)
        residuals = descriptors[np.unique(chosen)].astype(np.float32)
        for start in range(0, len(residuals), _BLOCK):
            _raise_if(stop)
            part = residuals[start : start + _BLOCK]
            part -= centroids[nearest_points(part, centroids)]
        width = DESCRIPTOR_DIM // PARTS
        codebooks = [
            clustered(residuals[:, at : at + width], WORDS, stop)
            for at in range(0, DESCRIPTOR_DIM, width)
        ]
        return cls(centroids, np.stack(codebooks), count)


def clustered(
    points: NDArray[np.uint8] | Vectors, count: int, stop: Callable[[], bool]
) -> Vectors:
    """Return the centers of clusters, by Lloyd's algorithm.

    Args:
        points: Shape ``(n, dim)``, ``n >= 1``.
        count: Number of clusters; with fewer distinct points, some centers nearly
            coincide.
        stop: See `Quantizer.trained`.

    Returns:
        Shape ``(count, dim)``.

    Raises:
        TrainingStoppedError: If ``stop`` returned ``True``.
    """
    rng = np.random.default_rng(_SEED)
    first = rng.permutation(len(points))[:count]
    centers = points[np.resize(first, count)].astype(np.float32)
    for _ in range(_ROUNDS):
        sums = np.zeros(centers.shape, dtype=np.float64)
        sizes = np.zeros(count, dtype=np.int64)
        for start in range(0, len(points), _BLOCK):
            _raise_if(stop)
            _add_to_clusters(points[start : start + _BLOCK], centers, sums, sizes)
        filled = sizes > 0
        centers[filled] = sums[filled] / sizes[filled, None]
        _split_largest(centers, sizes)
    return centers


def _add_to_clusters(
    points: NDArray[np.uint8] | Vectors,
    centers: Vectors,
    sums: NDArray[np.float64],
    sizes: NDArray[np.int64],
) -> None:
    """Add points to the sums and sizes of the nearest clusters."""
    vectors = np.ascontiguousarray(points, dtype=np.float32)
    nearest = nearest_points(vectors, centers)
    order = np.argsort(nearest, kind="stable")
    clusters, starts, counts = np.unique(
        nearest[order], return_index=True, return_counts=True
    )
    sums[clusters] += np.add.reduceat(vectors[order], starts, axis=0, dtype=np.float64)
    sizes[clusters] += counts


def _split_largest(centers: Vectors, sizes: NDArray[np.int64]) -> None:
    """Move the centers of empty clusters next to those of the largest clusters."""
    empty = np.flatnonzero(sizes == 0)
    large = np.argsort(-sizes, kind="stable")[: len(empty)]
    large = large[sizes[large] > 1]
    empty = empty[: len(large)]
    aside = np.full(centers.shape[1], 1 + _OFFSET, dtype=np.float32)
    aside[::2] = 1 - _OFFSET
    centers[empty] = centers[large] * aside
    centers[large] *= 2 - aside


def _raise_if(stop: Callable[[], bool]) -> None:
    if stop():
        raise TrainingStoppedError("the training was stopped before it was done")
