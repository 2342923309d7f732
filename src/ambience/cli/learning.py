"""Fits the scores to the library, by itself, while a server runs."""

import logging
import threading
from pathlib import Path

from ambience.fusion import Calibration
from ambience.gateway.learning import Learner, is_due
from ambience.gateway.parts import Parts

_EVERY_S = 60.0  # how often it looks whether the library has grown, and stands still

_log = logging.getLogger(__name__)


class BackgroundLearning:
    """Learns once a library has grown enough, and no image has come for a while.

    Args:
        parts: Of the gateway.
        file: Where a calibration is kept.
        every_s: How often to look, in seconds.
    """

    def __init__(self, parts: Parts, file: Path, *, every_s: float = _EVERY_S) -> None:
        self._parts = parts
        self._file = file
        self._every_s = every_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="background-learning")

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the search under way."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        last, tried = -1, 0
        while not self._stop.wait(self._every_s):
            images = len(self._parts.catalog)
            at_rest, last = images == last, images
            # What could not be learned from an image is not tried again with the same.
            if at_rest and images > tried and is_due(self._calibration, images):
                tried = images
                self._learn()

    @property
    def _calibration(self) -> Calibration:
        return self._parts.searcher.calibration

    def _learn(self) -> None:
        parts = self._parts
        learner = Learner(parts.backends, parts.catalog, parts.originals, parts.limits)
        learned = learner.learn(self._calibration, stop=self._stop)
        if learned is None:
            return
        parts.searcher.calibration = learned
        _log.info("scores now follow what %d images taught", learned.images)
        try:
            learned.save(self._file)
        except OSError as error:
            _log.warning("the calibration can't be written: %s", error)
