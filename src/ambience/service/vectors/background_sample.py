"""How near any images of the library are to a query, to tell what is near by chance."""

from threading import Lock

import numpy as np

from ambience.core.features import ImageId, Query
from ambience.core.matches import Background
from ambience.engine.embedded.flat_index import FlatIndex
from ambience.engine.embedded.store import FeatureStore

_DRAWN = 256  # images: their mean is known to a sixteenth of the deviation
_GROWTH = 2  # times as many or as few images: they are then drawn anew


class BackgroundSample:
    """Images drawn evenly from a store, with which queries are compared.

    Args:
        store: Of a service whose distances grow with unlikeness.
    """

    def __init__(self, store: FeatureStore) -> None:
        self._store = store
        self._lock = Lock()  # one thread draws
        self._of = 0  # images, when they were drawn
        self._drawn = FlatIndex(store.spec)

    def compared(self, query: Query) -> Background | None:
        """Return how far the images are from a query; ``None`` where there are none."""
        near = self._sample().search(query.rows, k=_DRAWN)
        if not near:
            return None
        distances = np.array([neighbor.distance for neighbor in near])
        mean, deviation = float(distances.mean()), float(distances.std())
        return Background(mean, deviation, len(distances))

    def _sample(self) -> FlatIndex:
        count = len(self._store)
        with self._lock:
            if not self._of / _GROWTH < count < self._of * _GROWTH:
                self._drawn, self._of = self._draw(), count
            return self._drawn

    def _draw(self) -> FlatIndex:
        ids = self._store.ids()
        evenly = np.linspace(0, len(ids) - 1, min(_DRAWN, len(ids))).astype(np.intp)
        owners, rows = self._store.rows_of([ids[number] for number in evenly])
        drawn = FlatIndex(self._store.spec)
        drawn.add([ImageId(owner) for owner in owners.tolist()], rows)
        return drawn
