"""The work that waits for services: its amount, its rate, and doing it."""

import math
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial

from ambience.catalog import Missed, Tally
from ambience.core.features import ImageId
from ambience.ingest.import_report import Progress, Report
from ambience.service import AnyService
from ambience.service.backlog_state import BacklogState
from ambience.service.capabilities import HoldsImages
from ambience.sync.repair import Repairer
from ambience.sync.work_done import WorkDone

# How often to check whether other processes have finished the work that they have
# taken, which is about a second's worth at a time.
_OTHERS_S = 0.2

_Made = dict[str, WorkDone]


class Backlog:
    """What services still have to get: what was put off, and what they missed.

    Args:
        services: All services.
        missed: Lists the work.
        repairer: Does the work.
        threads: How many images are worked on at once if there is nothing else to do;
            0 for one per processor.
    """

    def __init__(
        self,
        services: Sequence[AnyService],
        missed: Missed,
        repairer: Repairer,
        *,
        threads: int = 0,
    ) -> None:
        self._services = services
        self._missed = missed
        self._repairer = repairer
        self._threads = threads or os.cpu_count() or 1
        self._ended: dict[str, str] = {}  # why the last run ended early, by service

    def states(self) -> dict[str, BacklogState]:
        """Return the state of each service that holds images, by name."""
        tallies = self._missed.tallies()
        return {
            service.name: self._state(service.name, tallies.get(service.name, Tally()))
            for service in self._services
            if service.ability(HoldsImages) is not None
        }

    def services_of(self, ids: Sequence[ImageId]) -> dict[ImageId, list[str]]:
        """See `Missed.services_of`."""
        return self._missed.services_of(ids)

    def work_on(
        self,
        services: Sequence[AnyService],
        *,
        threads: int,
        stop: threading.Event,
        within_s: float = math.inf,
        on_progress: Callable[[Progress], None] = lambda _: None,
    ) -> _Made:
        """Give services what waits for them; return what was done, by service.

        Services in this process share each decode. A service elsewhere is handled
        separately, since it takes whole files; so a slow one delays no other.

        Args:
            services: The services.
            threads: How many images are worked on at once in this process.
            stop: Set it to stop after the images in progress.
            within_s: Begin nothing more after so many seconds.
            on_progress: Called after every image of every service, from any thread.
        """

        def repair(group: Sequence[AnyService], threads: int) -> _Made:
            return self._repairer.repair(
                group,
                threads=threads,
                stop=stop,
                within_s=within_s,
                on_progress=on_progress,
            )

        elsewhere = [
            _begun(service.name, partial(repair, [service], 1))
            for service in services
            if service.url
        ]
        made = repair([one for one in services if not one.url], threads)
        for answer in elsewhere:
            made |= answer.result()
        self._ended.update({name: one.ended for name, one in made.items()})
        return made

    def finish(
        self,
        *,
        stop: threading.Event,
        on_progress: Callable[[Progress], None] = lambda _: None,
    ) -> _Made:
        """Work until nothing waits, except for services that can't continue.

        Work that another process has taken is waited for; what it leaves undone is done
        here.

        Args:
            stop: Set it to stop after the images in progress; the rest stays listed.
            on_progress: Called after every image of every service.

        Returns:
            What was done here, by service.
        """
        made: _Made = {}
        lock, done, total = threading.Lock(), 0, 0

        def one_more(_: Progress) -> None:
            nonlocal done
            with lock:
                done += 1
                on_progress(Progress(done, max(done, total)))

        while not stop.is_set():
            left = self._missed.tallies()
            due = [
                service
                for service in self._services
                if self._can_go_on(service, left, made)
            ]
            if not due:
                break
            of = [left[service.name] for service in due]
            total = done + sum(tally.total - tally.stuck for tally in of)
            on_progress(Progress(done, total))
            new = self.work_on(
                due, threads=self._threads, stop=stop, on_progress=one_more
            )
            for name, one in new.items():
                made.setdefault(name, WorkDone()).add(one)
            if not any(one.done or one.ended for one in new.values()):
                stop.wait(_OTHERS_S)
        return made

    def follow(
        self,
        report: Report,
        *,
        stop: threading.Event,
        on_progress: Callable[[Progress], None] = lambda _: None,
    ) -> None:
        """Finish the work, and add what was done to the report of an import."""
        for name, made in self.finish(stop=stop, on_progress=on_progress).items():
            report.followed[name] = made.put
            if made.ended:
                report.unavailable[name] = made.ended

    def note(self, report: Report) -> None:
        """Add what services still have to get to the report of an import."""
        for name, state in self.states().items():
            if state.waiting:
                report.waiting[name] = state.waiting
            if state.stuck:
                report.stuck[name] = state.stuck

    def _can_go_on(
        self, service: AnyService, left: dict[str, Tally], made: _Made
    ) -> bool:
        tally = left.get(service.name, Tally())
        return (
            tally.total > tally.stuck
            and not (service.name in made and made[service.name].ended)
            and service.ability(HoldsImages) is not None
            and bool(service.status()["available"])
        )

    def _state(self, name: str, tally: Tally) -> BacklogState:
        reasons = self._missed.reasons(name, stuck=True) if tally.stuck else {}
        return BacklogState(
            waiting=tally.total - tally.stuck,
            missed=tally.total - tally.put_off,
            stuck=tally.stuck,
            reasons=tuple((why, n, first) for why, (n, first) in reasons.items()),
            rate=self._repairer.rate(name),
            ended=self._ended.get(name, ""),
        )


def _begun(name: str, work: Callable[[], _Made]) -> "Future[_Made]":
    """Begin work in its own thread; return a future of its result."""
    answer: Future[_Made] = Future()

    def act() -> None:
        try:
            answer.set_result(work())
        except BaseException as error:  # noqa: BLE001 -- raised by whoever waits for it
            answer.set_exception(error)

    # A daemon, because the process must be able to end while a service hangs.
    threading.Thread(target=act, name=f"backlog-{name}", daemon=True).start()
    return answer
