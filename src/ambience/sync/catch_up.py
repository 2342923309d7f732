"""Keeps services in step by themselves, in the background of a server."""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from ambience.catalog import Missed
from ambience.core.errors import AmbienceError, UnavailableError
from ambience.core.stoppable_thread import StoppableThread
from ambience.ingest.writer import Writer
from ambience.service import AnyService
from ambience.service.capabilities import HoldsImages
from ambience.sync.comparison import Comparison
from ambience.sync.repair import Repairer

_EVERY_S = 5.0  # a service that is back is whole soon; to ask is one small request
_STOP_S = 5.0  # a service that hangs must not hold up the end

_log = logging.getLogger(__name__)


class CatchUp:
    """A thread that looks after services, one image at a time.

    Services are compared with the catalog at the start, when they come back after they
    were away, and when their store is another one than before or an older state of it.
    In between, what they missed is tried again every few seconds.

    Args:
        writer: Ends changes that were cut short.
        services: Those that hold images are kept in step.
        missed: What they missed.
        comparison: Finds what else they lack.
        repairer: Makes up for it.
        every_s: How long to wait between two looks at the services, in seconds.
    """

    def __init__(  # noqa: PLR0913 -- its parts, each passed in by name
        self,
        *,
        writer: Writer,
        services: Sequence[AnyService],
        missed: Missed,
        comparison: Comparison,
        repairer: Repairer,
        every_s: float = _EVERY_S,
    ) -> None:
        self._writer = writer
        self._services = services
        self._missed = missed
        self._comparison = comparison
        self._repairer = repairer
        self._every_s = every_s
        self._stores: dict[str, Mapping[str, Any]] = {}  # of those compared, as seen
        self._complaints: dict[str, str] = {}  # what was said last of whom
        self._in_vain: set[str] = set()  # services that got nothing the last time
        self._background = StoppableThread("catch_up", self._run, within_s=_STOP_S)

    def start(self) -> None:
        """Begin."""
        self._background.start()

    def stop(self) -> None:
        """End after the images in work."""
        self._background.stop()

    def _run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self._attempt("the journal", self._writer.mend)
            for service in self._services:
                if not stop.is_set():
                    self._attempt(service.name, partial(self._look_at, service, stop))
            stop.wait(self._every_s)

    def _attempt(self, what: str, act: Callable[[], None]) -> None:
        """Do something; if it fails, say so once, as it is done again later."""
        try:
            act()
        except (AmbienceError, OSError) as error:
            if self._complaints.get(what) != str(error):
                self._complaints[what] = str(error)
                _log.warning("%s is not in step yet: %s", what, error)
        else:
            self._complaints.pop(what, None)

    def _look_at(self, service: AnyService, stop: threading.Event) -> None:
        status = service.status()
        if not status["available"]:
            self._stores.pop(service.name, None)
            return
        if service.ability(HoldsImages) is None:
            return
        store = status.get("store", {})
        before = self._stores.get(service.name)
        if before is None or _is_other(store, before):
            self._comparison.note(service, stop=stop)
        if stop.is_set():
            return
        self._stores[service.name] = store
        if self._missed.waiting(service.name, limit=1):
            self._make_up(service, stop)

    def _make_up(self, service: AnyService, stop: threading.Event) -> None:
        name = service.name
        if name not in self._in_vain:
            count = self._missed.counts()[name]
            _log.warning("%s missed %s images: it gets them now", name, count)
        made = self._repairer.make_up(service, stop=stop)
        if made.put or made.removed or made.stuck:
            self._in_vain.discard(name)
            words = "%s has got %s images, forgotten %s, and can't have %s"
            _log.warning(words, name, made.put, made.removed, made.stuck)
        else:
            self._in_vain.add(name)
        if made.ended:
            raise UnavailableError(made.ended)


def _is_other(store: Mapping[str, Any], before: Mapping[str, Any]) -> bool:
    """Whether a store was made anew, or put back to an earlier state."""
    return bool(
        store.get("id") != before.get("id")
        or store.get("seq", 0) < before.get("seq", 0)
    )
