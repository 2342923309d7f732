"""Measures how near random images of the library are to a query."""

from threading import Lock

import numpy as np
from numpy.typing import NDArray

from ambience.core.features import ImageId, Query, Rows
from ambience.core.matches import BackgroundDistances
from ambience.engine import Collection
from ambience.engine.neighbors import compared, nearest_images, stacked

_DRAWN = 256  # images: the error of the mean is a sixteenth of the deviation
_GROWTH = 2  # images are drawn again once a library grew or shrank by this factor


class BackgroundSample:
    """Images drawn evenly from a collection, to compare queries with.

    Args:
        collection: The features of a service whose distances measure likeness.
    """

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        self._lock = Lock()  # one thread draws
        self._count = 0  # of the collection when they were drawn
        self._drawn = stacked(collection.spec, {})

    def compared(self, query: Query) -> BackgroundDistances | None:
        """Return the distances of a query to the images; ``None`` without images."""
        spec = self._collection.spec
        near = nearest_images(
            *compared(spec, query.rows, *self._sample()), scale=spec.scale
        )
        if not near:
            return None
        distances = np.array([neighbor.distance for neighbor in near])
        mean, deviation = float(distances.mean()), float(distances.std())
        return BackgroundDistances(mean, deviation, len(distances))

    def _sample(self) -> tuple[NDArray[np.int64], Rows]:
        count = len(self._collection)
        with self._lock:
            if not self._count / _GROWTH < count < self._count * _GROWTH:
                self._drawn, self._count = self._draw(), count
            return self._drawn

    def _draw(self) -> tuple[NDArray[np.int64], Rows]:
        ids = self._collection.ids()
        evenly = np.linspace(0, len(ids) - 1, min(_DRAWN, len(ids))).astype(np.intp)
        chosen: list[ImageId] = [ids[number] for number in evenly]
        return stacked(self._collection.spec, self._collection.get(chosen))
