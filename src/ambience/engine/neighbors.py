"""From the distances of rows to an answer: each image once, nearest first."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ambience.core.distances import row_distances
from ambience.core.features import Feature, FeatureSpec, ImageId, Rows
from ambience.engine.collection import Neighbor

_MANY = 4  # times k


def compared(
    spec: FeatureSpec, queries: Rows, ids: NDArray[np.int64], rows: Rows
) -> tuple[NDArray[np.int64], NDArray[Any], NDArray[np.int64]]:
    """Compare every version of a query with every row; exact, and slow for many.

    Args:
        spec: What the rows are.
        queries: Shape ``(q, dim)``.
        ids: Whose row each is, shape ``(n,)``.
        rows: Shape ``(n, dim)``.

    Returns:
        What `nearest_images` takes, each ``(q * n,)``.
    """
    raw = [row_distances(spec.metric, query, rows) for query in queries]
    versions = np.repeat(np.arange(len(queries), dtype=np.int64), len(ids))
    # none of a query without rows, which is an answer too
    apart = np.concatenate([np.empty(0, dtype=np.int64), *raw])
    return np.tile(ids, len(queries)), apart, versions


def stacked(
    spec: FeatureSpec, features: Mapping[ImageId, Feature]
) -> tuple[NDArray[np.int64], Rows]:
    """Return the rows of features below one another.

    Returns:
        Whose row each is, shape ``(n,)``, and the rows, shape ``(n, dim)``.
    """
    counts = [len(feature.rows) for feature in features.values()]
    ids = np.repeat(np.array(list(features), dtype=np.int64), counts)
    none = np.empty((0, spec.dim), spec.dtype)
    return ids, np.concatenate([none, *(f.rows for f in features.values())])


def nearest_images(
    ids: NDArray[np.int64],
    distances: NDArray[Any],
    versions: NDArray[np.int64],
    *,
    k: int | None = None,
    scale: float = 1.0,
) -> list[Neighbor]:
    """Return each image with its nearest row, by ``(distance, image_id)``.

    Args:
        ids: Shape ``(n,)``; negative ids are left out.
        distances: Shape ``(n,)``, before the division by ``scale``.
        versions: Shape ``(n,)``.
        k: At most so many; all when ``None``.
        scale: See `ambience.core.features.FeatureSpec`.
    """
    living = ids >= 0
    if not living.all():
        ids, distances, versions = ids[living], distances[living], versions[living]
    if k is not None and len(ids) > _MANY * k:
        # sorting few is enough, unless they are rows of fewer images
        near = distances <= np.partition(distances, _MANY * k)[_MANY * k]
        found = _sorted_images(ids[near], distances[near], versions[near], k, scale)
        if len(found) == k:
            return found
    return _sorted_images(ids, distances, versions, k, scale)


def _sorted_images(
    ids: NDArray[np.int64],
    distances: NDArray[Any],
    versions: NDArray[np.int64],
    k: int | None,
    scale: float,
) -> list[Neighbor]:
    order = np.lexsort((versions, distances, ids))
    sorted_ids = ids[order]
    first = np.ones(len(order), dtype=bool)
    first[1:] = sorted_ids[1:] != sorted_ids[:-1]
    order = order[first]  # the nearest row of each image, by id
    order = order[np.argsort(distances[order], kind="stable")][:k]
    return [
        Neighbor(ImageId(image_id), distance / scale, version)
        for image_id, distance, version in zip(
            ids[order].tolist(),
            distances[order].tolist(),
            versions[order].tolist(),
            strict=True,
        )
    ]
