"""Turns distances between rows into neighbors: each image once, nearest first."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ambience.core.distances import row_distances
from ambience.core.features import Feature, FeatureSpec, ImageId, Rows
from ambience.engine.collection import Neighbor

_ENOUGH = 4  # times k rows: sorting only these usually yields k images


def compared(
    spec: FeatureSpec, queries: Rows, ids: NDArray[np.int64], rows: Rows
) -> tuple[NDArray[np.int64], NDArray[Any], NDArray[np.int64]]:
    """Compare every query row with every row; exact, but slow for many rows.

    Args:
        spec: The specification of the rows.
        queries: The rows of one query, shape ``(q, dim)``.
        ids: The image of each row, shape ``(n,)``.
        rows: Shape ``(n, dim)``.

    Returns:
        The arguments of `nearest_images`, each of shape ``(q * n,)``.
    """
    raw = [row_distances(spec.metric, query, rows) for query in queries]
    query_rows = np.repeat(np.arange(len(queries), dtype=np.int64), len(ids))
    # The empty array keeps this valid for a query without rows.
    distances = np.concatenate([np.empty(0, dtype=np.int64), *raw])
    return np.tile(ids, len(queries)), distances, query_rows


def stacked(
    spec: FeatureSpec, features: Mapping[ImageId, Feature]
) -> tuple[NDArray[np.int64], Rows]:
    """Return the rows of several features in one array.

    Returns:
        The image of each row, shape ``(n,)``, and the rows, shape ``(n, dim)``.
    """
    counts = [len(feature.rows) for feature in features.values()]
    ids = np.repeat(np.array(list(features), dtype=np.int64), counts)
    none = np.empty((0, spec.dim), spec.dtype)
    return ids, np.concatenate([none, *(f.rows for f in features.values())])


def nearest_images(
    ids: NDArray[np.int64],
    distances: NDArray[Any],
    query_rows: NDArray[np.int64],
    *,
    k: int | None = None,
    scale: float = 1.0,
) -> list[Neighbor]:
    """Return each image with its nearest row, sorted by ``(distance, image_id)``.

    Args:
        ids: The image of each compared row, shape ``(n,)``; negative ids are ignored.
        distances: Shape ``(n,)``, before the division by ``scale``.
        query_rows: The query row that each was compared with, shape ``(n,)``.
        k: The largest number of images; ``None`` for all.
        scale: See `ambience.core.features.FeatureSpec`.
    """
    living = ids >= 0
    if not living.all():
        ids, distances, query_rows = ids[living], distances[living], query_rows[living]
    if k is not None and len(ids) > _ENOUGH * k:
        # Sorting a few rows is enough, unless they belong to fewer than k images.
        near = distances <= np.partition(distances, _ENOUGH * k)[_ENOUGH * k]
        found = _sorted_images(ids[near], distances[near], query_rows[near], k, scale)
        if len(found) == k:
            return found
    return _sorted_images(ids, distances, query_rows, k, scale)


def _sorted_images(
    ids: NDArray[np.int64],
    distances: NDArray[Any],
    query_rows: NDArray[np.int64],
    k: int | None,
    scale: float,
) -> list[Neighbor]:
    order = np.lexsort((query_rows, distances, ids))
    sorted_ids = ids[order]
    first = np.ones(len(order), dtype=bool)
    first[1:] = sorted_ids[1:] != sorted_ids[:-1]
    order = order[first]  # the nearest row of each image, by id
    order = order[np.argsort(distances[order], kind="stable")][:k]
    return [
        Neighbor(ImageId(image_id), distance / scale, query_row)
        for image_id, distance, query_row in zip(
            ids[order].tolist(),
            distances[order].tolist(),
            query_rows[order].tolist(),
            strict=True,
        )
    ]
