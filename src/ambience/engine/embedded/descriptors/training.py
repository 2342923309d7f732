"""Trains an index in the background as a library grows, while searches go on."""

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

_FIRST_ROWS = 3 * TRAINED_FROM  # that an index trained while someone waits is made for
_SPARE = 4  # times as many images as the sample needs share in it
_READ = 256  # images read at once: 14 MB
_SEED = 1


MakeIndex = Callable[[Quantizer | None], DescriptorIndex]


class Trainer:
    """Makes a trained index from the store and puts it in place of the old one.

    Args:
        name: Of the service.
        follower: Its index is the one to be replaced.
        make_index: Returns an empty index with a quantizer, or one without.
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
        """Whether an index is trained or filled right now."""
        return self._training.locked()

    def close(self) -> None:
        """Give up what is under way."""
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
        """Train with what there is now, however little, and fill the index anew.

        Returns:
            Whether it was done: not if the service is closing, or there is nothing.
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
        """Train; the lock for it is already held."""
        try:
            self._train()
        except (AmbienceError, OSError, MemoryError, RuntimeError):
            self._failed_at = len(self._follower.index)
            _log.exception("%s: the index could not be trained", self._name)
        finally:
            self._training.release()


def first_index(store: FeatureStore, make_index: MakeIndex) -> DescriptorIndex:
    """Return an empty index that a store can be filled into, whatever its size.

    The index compares everything with everything. Where that would take too much time
    and memory, it is one that is trained within a few seconds, and not the best.
    """
    rows = estimated_rows(store)
    if rows < TRAINED_FROM:
        return make_index(None)
    few = min(rows, _FIRST_ROWS)
    return make_index(Quantizer.trained(sampled(store, sample_size(few)), few))


def estimated_rows(store: FeatureStore) -> int:
    """Return about how many descriptors a store holds, from some of its images."""
    ids = _shuffled(store)
    some = ids[:_READ]
    _, rows = store.rows_of(some)
    return round(len(ids) * int(without_frames(rows).sum()) / max(1, len(some)))


def sampled(
    store: FeatureStore, count: int, stop: Callable[[], bool] = lambda: False
) -> Rows:
    """Return keypoints of images drawn at random, about ``count`` or all.

    Args:
        store: Where they are.
        count: How many.
        stop: Asked now and then whether to give up, and return what there is.
    """
    rng = np.random.default_rng(_SEED)
    ids = _shuffled(store)
    an_image = max(1.0, estimated_rows(store) / max(1, len(ids)))
    images = ids[: round(_SPARE * count / an_image) + 1]
    share = min(1.0, count / (an_image * max(1, len(images))))
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
