"""How descriptors are compressed: cells, and codebooks for what is left in a cell."""

from collections.abc import Callable
from dataclasses import dataclass
from math import isqrt

import numpy as np
from numpy.typing import NDArray

from ambience.core.keypoints import DESCRIPTOR_DIM, ROW
from ambience.engine.embedded.descriptors.faiss_inverted import nearest_point

PARTS = 16  # bytes a descriptor: each a codebook's word for 8 of its dimensions
WORDS = 256  # of a codebook: 8 bits

_MIN_LISTS = 64
_A_LIST = 40  # descriptors of the sample: FAISS asks for 39 at least
_RESIDUALS = 65_536  # 256 a word, FAISS's upper limit
_ROUNDS = 10  # of Lloyd's algorithm: FAISS's number for an inverted file
_BLOCK = 8_192  # descriptors between two looks at `stop`: 0.5 s with 16,384 lists
_APART = 1 / 1024  # how far the halves of a divided cell start: FAISS's number
_SEED = 1

Vectors = NDArray[np.float32]


class TrainingStoppedError(Exception):
    """Training was asked to stop before its end."""


def lists_for(count: int) -> int:
    """Return in how many lists so many descriptors are kept.

    The largest power of two not above four times the root, which FAISS's guidelines
    name as the least that serves: a search then compares about as many centroids as
    descriptors.
    """
    most = max(_MIN_LISTS, isqrt(16 * count))
    return 1 << (most.bit_length() - 1)


def name_of(lists: int) -> str:
    """Return FAISS's name for an inverted file with so many lists."""
    return f"IVF{lists},PQ{PARTS}"


def sample_size(count: int) -> int:
    """Return how many descriptors to train with, when ``count`` are to be kept."""
    return _A_LIST * lists_for(count)


@dataclass(frozen=True, slots=True, eq=False)
class Quantizer:
    """A trained inverted file with product quantization, without its descriptors.

    H. Jegou, M. Douze, C. Schmid: Product quantization for nearest neighbor search,
    PAMI 2011.

    Attributes:
        centroids: Of the cells, shape ``(lists, DESCRIPTOR_DIM)``.
        codebooks: Shape ``(PARTS, WORDS, DESCRIPTOR_DIM / PARTS)``.
        count: How many descriptors there were when it was trained.
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
        """Return what is learned from a sample; equal samples give equal ones.

        Args:
            sample: Rows of keypoints drawn from all evenly, shape ``(n, 136)``, about
                `sample_size` of them, at least 1.
            count: How many are to be kept.
            stop: Asked about twice a second, from this thread.

        Raises:
            TrainingStoppedError: When ``stop`` said yes.
        """
        descriptors = np.ascontiguousarray(sample).view(ROW)[:, 0]["descriptor"]
        centroids = clustered(descriptors, lists_for(count), stop)
        chosen = np.linspace(0, len(descriptors) - 1, _RESIDUALS).astype(np.intp)
        rest = descriptors[np.unique(chosen)].astype(np.float32)
        for start in range(0, len(rest), _BLOCK):
            _look(stop)
            part = rest[start : start + _BLOCK]
            part -= centroids[nearest_point(part, centroids)]
        width = DESCRIPTOR_DIM // PARTS
        codebooks = [
            clustered(rest[:, at : at + width], WORDS, stop)
            for at in range(0, DESCRIPTOR_DIM, width)
        ]
        return cls(centroids, np.stack(codebooks), count)


def clustered(
    points: NDArray[np.uint8] | Vectors, count: int, stop: Callable[[], bool]
) -> Vectors:
    """Return the centers of clusters, by Lloyd's algorithm.

    Args:
        points: Shape ``(n, dim)``, ``n >= 1``.
        count: Of clusters; where fewer points differ, some centers are all but equal.
        stop: See `Quantizer.trained`.

    Returns:
        Shape ``(count, dim)``.

    Raises:
        TrainingStoppedError: When ``stop`` said yes.
    """
    rng = np.random.default_rng(_SEED)
    first = rng.permutation(len(points))[:count]
    centers = points[np.resize(first, count)].astype(np.float32)
    for _ in range(_ROUNDS):
        sums = np.zeros(centers.shape, dtype=np.float64)
        sizes = np.zeros(count, dtype=np.int64)
        for start in range(0, len(points), _BLOCK):
            _look(stop)
            _gather(points[start : start + _BLOCK], centers, sums, sizes)
        filled = sizes > 0
        centers[filled] = sums[filled] / sizes[filled, None]
        _divide(centers, sizes)
    return centers


def _gather(
    points: NDArray[np.uint8] | Vectors,
    centers: Vectors,
    sums: NDArray[np.float64],
    sizes: NDArray[np.int64],
) -> None:
    """Add points to the sums and sizes of the clusters they are nearest to."""
    vectors = np.ascontiguousarray(points, dtype=np.float32)
    nearest = nearest_point(vectors, centers)
    order = np.argsort(nearest, kind="stable")
    clusters, starts, counts = np.unique(
        nearest[order], return_index=True, return_counts=True
    )
    sums[clusters] += np.add.reduceat(vectors[order], starts, axis=0, dtype=np.float64)
    sizes[clusters] += counts


def _divide(centers: Vectors, sizes: NDArray[np.int64]) -> None:
    """Put the centers of empty clusters beside those of the largest ones."""
    empty = np.flatnonzero(sizes == 0)
    large = np.argsort(-sizes, kind="stable")[: len(empty)]
    large = large[sizes[large] > 1]
    empty = empty[: len(large)]
    aside = np.full(centers.shape[1], 1 + _APART, dtype=np.float32)
    aside[::2] = 1 - _APART
    centers[empty] = centers[large] * aside
    centers[large] *= 2 - aside


def _look(stop: Callable[[], bool]) -> None:
    if stop():
        raise TrainingStoppedError("the training was stopped before its end")
