"""How near any images of the library are to a query, to tell what is near by chance."""

from threading import Lock

import numpy as np
from numpy.typing import NDArray

from ambience.core.features import ImageId, Query, Rows
from ambience.core.matches import Background
from ambience.engine import Collection
from ambience.engine.neighbors import compared, nearest_images, stacked

_DRAWN = 256  # images: their mean is known to a sixteenth of the deviation
_GROWTH = 2  # times as many or as few images: they are then drawn anew


class BackgroundSample:
    """Images drawn evenly from a collection, with which queries are compared.

    Args:
        collection: Of a service whose distances grow with unlikeness.
    """

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        self._lock = Lock()  # one thread draws
        self._of = 0  # images, when they were drawn
        self._drawn = stacked(collection.spec, {})

    def compared(self, query: Query) -> Background | None:
        """Return how far the images are from a query; ``None`` where there are none."""
        spec = self._collection.spec
        near = nearest_images(
            *compared(spec, query.rows, *self._sample()), scale=spec.scale
        )
        if not near:
            return None
        distances = np.array([neighbor.distance for neighbor in near])
        mean, deviation = float(distances.mean()), float(distances.std())
        return Background(mean, deviation, len(distances))

    def _sample(self) -> tuple[NDArray[np.int64], Rows]:
        count = len(self._collection)
        with self._lock:
            if not self._of / _GROWTH < count < self._of * _GROWTH:
                self._drawn, self._of = self._draw(), count
            return self._drawn

    def _draw(self) -> tuple[NDArray[np.int64], Rows]:
        ids = self._collection.ids()
        evenly = np.linspace(0, len(ids) - 1, min(_DRAWN, len(ids))).astype(np.intp)
        chosen: list[ImageId] = [ids[number] for number in evenly]
        return stacked(self._collection.spec, self._collection.get(chosen))
