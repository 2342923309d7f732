"""Fits the scores to the library, by itself, while a server runs."""

import logging
import threading
from pathlib import Path

from ambience.core.background import Background
from ambience.core.errors import AmbienceError
from ambience.fusion import Calibration
from ambience.gateway.learning import Learner, is_due
from ambience.gateway.parts import Parts

_EVERY_S = 60.0  # how often it looks whether the library has grown, and stands still
_STOP_S = 5.0  # a service that hangs must not hold up the end

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
        self._background = Background("learning", self._run, within_s=_STOP_S)

    def start(self) -> None:
        """Begin."""
        self._background.start()

    def stop(self) -> None:
        """End after the search under way."""
        self._background.stop()

    def _run(self, stop: threading.Event) -> None:
        last, tried = -1, 0
        while not stop.wait(self._every_s):
            images = len(self._parts.catalog)
            at_rest, last = images == last, images
            # What could not be learned from an image is not tried again with the same.
            if at_rest and images > tried and is_due(self._calibration, images):
                tried = images
                try:
                    self._learn(stop)
                except (AmbienceError, OSError) as error:
                    _log.warning("the scores stay as they are: %s", error)

    @property
    def _calibration(self) -> Calibration:
        return self._parts.searcher.calibration

    def _learn(self, stop: threading.Event) -> None:
        parts = self._parts
        learner = Learner(parts.backends, parts.catalog, parts.originals, parts.limits)
        learned = learner.learn(self._calibration, stop=stop)
        if learned is None:
            return
        learned.save(self._file)
        parts.searcher.calibration = learned
        _log.info("scores now follow what %d images taught", learned.images)
