"""Keeps services up to date automatically, in the background of a server."""

import logging
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from ambience.catalog import Missed
from ambience.core.errors import AmbienceError
from ambience.core.stoppable_thread import StoppableThread
from ambience.ingest.writer import Writer
from ambience.service import AnyService
from ambience.service.capabilities import HoldsImages
from ambience.sync.backlog import Backlog
from ambience.sync.comparison import Comparison
from ambience.sync.work_done import WorkDone

_EVERY_S = 5.0  # a service that comes back soon catches up; asking is a small request
_LOOKS_S = 30.0  # and services are looked at this often, however much there is to do
# Images worked on at once: the other half of the machine answers searches.
_THREADS = max(1, (os.cpu_count() or 1) // 2)
_STOP_S = 5.0  # a service that hangs must not delay the shutdown

_log = logging.getLogger(__name__)


class CatchUp:
    """A thread that looks after services while others search.

    A service is compared with the catalog at the start, when it comes back, and when
    its store was replaced, by a new one or an older copy. In between, the work that
    waits for services is done, and tried again every few seconds.

    Args:
        writer: Resolves interrupted changes.
        services: All services; those that hold images are kept up to date.
        missed: Lists what waits for them.
        comparison: Finds what else they lack.
        backlog: Does the work.
        every_s: How long to wait between two looks at the services, in seconds.
    """

    def __init__(  # noqa: PLR0913 -- its parts, each passed in by name
        self,
        *,
        writer: Writer,
        services: Sequence[AnyService],
        missed: Missed,
        comparison: Comparison,
        backlog: Backlog,
        every_s: float = _EVERY_S,
    ) -> None:
        self._writer = writer
        self._services = services
        self._missed = missed
        self._comparison = comparison
        self._backlog = backlog
        self._every_s = every_s
        self._stores: dict[str, Mapping[str, Any]] = {}  # as they were when compared
        self._complaints: dict[str, str] = {}  # the last one about each service
        self._made: dict[str, WorkDone] = {}  # so far, for those that missed something
        self._background = StoppableThread("catch_up", self._run, within_s=_STOP_S)

    def start(self) -> None:
        """Start the thread."""
        self._background.start()

    def stop(self) -> None:
        """Stop after the images in progress."""
        self._background.stop()

    def _run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            with self._complaining("the journal"):
                self._writer.mend()
                self._complaints.pop("the journal", None)
            in_step = [
                service for service in self._services if self._look_at(service, stop)
            ]
            is_busy = False
            with self._complaining("the backlog"):
                is_busy = self._catch_up(in_step, stop)
                self._complaints.pop("the backlog", None)
            if not is_busy:
                stop.wait(self._every_s)

    def _look_at(self, service: AnyService, stop: threading.Event) -> bool:
        """Compare a service with the catalog if necessary; tell if it can be told."""
        with self._complaining(service.name):
            status = service.status()
            if not status["available"]:
                self._stores.pop(service.name, None)
                return False
            if service.ability(HoldsImages) is None or stop.is_set():
                return False
            store = status.get("store", {})
            before = self._stores.get(service.name)
            if before is None or _is_other(store, before):
                self._comparison.note(service, stop=stop)
            if stop.is_set():
                return False
            self._stores[service.name] = store
            return True
        return False

    def _catch_up(self, services: Sequence[AnyService], stop: threading.Event) -> bool:
        """Give services what waits for them; tell whether anything was done."""
        tallies = self._missed.tallies()
        due = [
            service
            for service in services
            if (tally := tallies.get(service.name)) and tally.total > tally.stuck
        ]
        for service in services:
            if service not in due:
                self._complaints.pop(service.name, None)
        for service in due:
            tally = tallies[service.name]
            missed = tally.total - tally.stuck - tally.put_off
            if missed and service.name not in self._made:
                _log.warning(
                    "%s missed %s images: it is getting them now", service.name, missed
                )
                self._made[service.name] = WorkDone()
        made = self._backlog.work_on(
            due, threads=_THREADS, stop=stop, within_s=_LOOKS_S
        )
        for name, one in made.items():
            self._note(name, one)
        return any(one.done for one in made.values())

    def _note(self, name: str, made: WorkDone) -> None:
        """Log what was done for a service that missed something, once that is all."""
        if name in self._made:
            self._made[name].add(made)
        if made.ended:
            self._complain(name, made.ended)
            return
        self._complaints.pop(name, None)
        so_far = self._made.get(name)
        if so_far is not None and not self._missed.waiting(name, limit=1):
            words = "%s has caught up: %s images added, %s removed, %s not possible"
            _log.warning(words, name, so_far.put, so_far.removed, so_far.stuck)
            del self._made[name]

    @contextmanager
    def _complaining(self, what: str) -> Iterator[None]:
        """Log a failure; the work is tried again later."""
        try:
            yield
        except (AmbienceError, OSError) as error:
            self._complain(what, str(error))
        except Exception as error:  # noqa: BLE001 -- the others must go on
            if self._complaints.get(what) != repr(error):
                self._complaints[what] = repr(error)
                _log.exception("%s is not up to date yet", what)

    def _complain(self, what: str, why: str) -> None:
        """Log why something is not up to date, unless that was logged last."""
        if self._complaints.get(what) != why:
            self._complaints[what] = why
            _log.warning("%s is not up to date yet: %s", what, why)


def _is_other(store: Mapping[str, Any], before: Mapping[str, Any]) -> bool:
    """Whether a store is a new one, or an earlier state of the same one."""
    return bool(
        store.get("id") != before.get("id")
        or store.get("seq", 0) < before.get("seq", 0)
    )
