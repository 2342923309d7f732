"""Trains an index in the background as a library grows."""

import logging
import threading
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ambience.core.errors import AmbienceError
from ambience.core.features import Rows
from ambience.core.keypoints import ROW, without_frames
from ambience.engine.embedded.descriptors.descriptor_index import (
    TRAINED_FROM,
    DescriptorIndex,
)
from ambience.engine.embedded.descriptors.quantizer import (
    Quantizer,
    TrainingStoppedError,
    sample_size,
)
from ambience.engine.embedded.index_follower import IndexFollower
from ambience.engine.embedded.store import FeatureStore

_log = logging.getLogger(__name__)

_FIRST_ROWS = 3 * TRAINED_FROM  # a quick first index is trained for this many rows
_SPREAD = 4  # the sample is drawn from this many times the images it would fit
_READ = 256  # images read at once: 14 MB
_SEED = 1


MakeIndex = Callable[[Quantizer | None], DescriptorIndex]


class Trainer:
    """Trains new indexes from the store, and replaces the old index with them.

    Args:
        name: The service.
        follower: Has the index that is replaced.
        make_index: Returns an empty index with a quantizer, or without one.
    """

    def __init__(
        self,
        name: str,
        follower: IndexFollower[DescriptorIndex],
        make_index: MakeIndex,
    ) -> None:
        self._name = name
        self._follower = follower
        self._make_index = make_index
        self._stopping = threading.Event()
        self._training = threading.Lock()
        self._thread: threading.Thread | None = None
        self._failed_at = 0

    @property
    def active(self) -> bool:
        """Whether an index is being trained or filled now."""
        return self._training.locked()

    def close(self) -> None:
        """Stop any training."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    def train_if_due(self) -> None:
        """Start training in the background if the library has outgrown its index."""
        index = self._follower.index
        if (
            not index.training_due()
            or self._stopping.is_set()
            or len(index) < 2 * self._failed_at
            or not self._training.acquire(blocking=False)
        ):
            return
        self._thread = threading.Thread(
            target=self._train_quietly, name=f"{self._name}-training"
        )
        self._thread.start()

    def train(self) -> bool:
        """Train a new index with the stored descriptors, however few, and switch to it.

        Returns:
            Whether that was done; ``False`` if the service is closing or has none.
        """
        with self._training:
            return self._train()

    def _train(self) -> bool:
        stop = self._stopping.is_set
        rows = len(self._follower.index)
        sample = sampled(self._follower.store, sample_size(rows), stop)
        if not len(sample):
            return False
        _log.info("%s: training for %d descriptors", self._name, rows)
        try:
            quantizer = Quantizer.trained(sample, rows, stop)
        except TrainingStoppedError:
            return False
        done = self._follower.rebuild(self._make_index(quantizer), stop=stop)
        if done:
            _log.info("%s: the index is now %s", self._name, quantizer.kind)
        return done

    def _train_quietly(self) -> None:
        """Train; the caller has acquired the lock."""
        try:
            self._train()
        except (AmbienceError, OSError, MemoryError, RuntimeError):
            self._failed_at = len(self._follower.index)
            _log.exception("%s: the index could not be trained", self._name)
        finally:
            self._training.release()


def first_index(store: FeatureStore, make_index: MakeIndex) -> DescriptorIndex:
    """Return an empty index to fill from a store of any size.

    A small store gets an exact index. For a large one, that would take too much time
    and memory, so the index is quickly trained on few descriptors, at the cost of
    quality.
    """
    rows = estimated_rows(store)
    if rows < TRAINED_FROM:
        return make_index(None)
    few = min(rows, _FIRST_ROWS)
    return make_index(Quantizer.trained(sampled(store, sample_size(few)), few))


def estimated_rows(store: FeatureStore) -> int:
    """Return the approximate number of descriptors in a store, from some images."""
    ids = _shuffled(store)
    some = ids[:_READ]
    _, rows = store.rows_of(some)
    return round(len(ids) * int(without_frames(rows).sum()) / max(1, len(some)))


def sampled(
    store: FeatureStore, count: int, stop: Callable[[], bool] = lambda: False
) -> Rows:
    """Return about ``count`` keypoints of random images, or all if there are fewer.

    Args:
        store: Has the keypoints.
        count: Number of keypoints.
        stop: Called now and then; once it returns ``True``, what was read is returned.
    """
    rng = np.random.default_rng(_SEED)
    ids = _shuffled(store)
    per_image = max(1.0, estimated_rows(store) / max(1, len(ids)))
    images = ids[: round(_SPREAD * count / per_image) + 1]
    share = min(1.0, count / (per_image * max(1, len(images))))
    parts: list[Rows] = [_NONE]
    for start in range(0, len(images), _READ):
        if stop():
            break
        _, rows = store.rows_of(images[start : start + _READ])
        kept = without_frames(rows) & (rng.random(len(rows)) < share)
        parts.append(rows[kept])
    return np.concatenate(parts)


def _shuffled(store: FeatureStore) -> NDArray[np.int64]:
    ids = np.array(store.ids(), dtype=np.int64)
    return np.random.default_rng(_SEED).permutation(ids)


_NONE = np.empty((0, ROW.itemsize), np.uint8)
