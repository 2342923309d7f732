"""From raw (row, query version) distances to an answer: each image once, in order."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ambience.core.features import ImageId
from ambience.engine.embedded.index import Neighbor

_MANY = 4  # times k


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
