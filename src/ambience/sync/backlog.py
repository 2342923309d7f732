"""The work that waits for services: how much there is, how fast it goes, doing it."""

import math
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future

from ambience.catalog import Missed, Tally
from ambience.core.features import ImageId
from ambience.ingest.import_report import Progress, Report
from ambience.service import AnyService
from ambience.service.backlog_state import BacklogState
from ambience.service.capabilities import HoldsImages
from ambience.sync.made_up import MadeUp
from ambience.sync.repair import Repairer

# How often to look whether others are done with what they have taken: they take a
# second or so of work at once.
_OTHERS_S = 0.2

_Made = dict[str, MadeUp]


class Backlog:
    """What services have still to get: what was put off, and what they missed.

    Args:
        services: All there are.
        missed: Lists it.
        repairer: Does it.
        threads: How many images are worked on at once while nothing else is to be
            done; 0: one for each processor.
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
        self._ended: dict[str, str] = {}  # by service, why it did the last time

    def states(self) -> dict[str, BacklogState]:
        """Return how it is with each service that holds images, by name."""
        tallies = self._missed.tallies()
        return {
            service.name: self._state(service.name, tallies.get(service.name, Tally()))
            for service in self._services
            if service.ability(HoldsImages) is not None
        }

    def services_of(self, ids: Sequence[ImageId]) -> dict[ImageId, list[str]]:
        """See `Missed.services_of`."""
        return self._missed.services_of(ids)

    def work_off(
        self,
        services: Sequence[AnyService],
        *,
        threads: int,
        stop: threading.Event,
        within_s: float = math.inf,
        on_progress: Callable[[Progress], None] = lambda _: None,
    ) -> _Made:
        """Give services what waits for them; return what was done, by name.

        Services in this process share each decode. Each one elsewhere goes on by
        itself, as it takes whole files, so a slow one holds up no other.

        Args:
            services: Which.
            threads: How many images are worked on at once in this process.
            stop: Set it to end after the images in work.
            within_s: Begin no more after so many seconds.
            on_progress: Told after every image of every service, from any thread.
        """
        here = [service for service in services if not service.url]
        groups = [here] if here else []
        groups += [[service] for service in services if service.url]
        asked: list[Future[_Made]] = []
        for group in groups:
            answer: Future[_Made] = Future()

            def make_up(
                group: Sequence[AnyService] = group, answer: Future[_Made] = answer
            ) -> None:
                try:
                    made = self._repairer.make_up(
                        group,
                        threads=1 if group[0].url else threads,
                        stop=stop,
                        within_s=within_s,
                        on_progress=on_progress,
                    )
                except BaseException as error:  # noqa: BLE001 -- raised by who waits
                    answer.set_exception(error)
                else:
                    answer.set_result(made)

            # A daemon: the process must be able to end while a service hangs.
            name = f"backlog-{group[0].name}"
            threading.Thread(target=make_up, name=name, daemon=True).start()
            asked.append(answer)
        made = {name: one for answer in asked for name, one in answer.result().items()}
        self._ended.update({name: one.ended for name, one in made.items()})
        return made

    def finish(
        self,
        *,
        stop: threading.Event,
        on_progress: Callable[[Progress], None] = lambda _: None,
    ) -> _Made:
        """Work until nothing waits, except for services that can't go on.

        What another process has taken is waited for; what it leaves undone is done
        here.

        Args:
            stop: Set it to end after the images in work; the rest stays listed.
            on_progress: Told after every image of every service.

        Returns:
            What was done here, by the name of the service.
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
            new = self.work_off(
                due, threads=self._threads, stop=stop, on_progress=one_more
            )
            for name, one in new.items():
                made.setdefault(name, MadeUp()).add(one)
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
        """Finish, and note in the report of an import what was done."""
        for name, made in self.finish(stop=stop, on_progress=on_progress).items():
            report.followed[name] = made.put
            if made.ended:
                report.unavailable[name] = made.ended

    def note(self, report: Report) -> None:
        """Note in the report of an import what services have still to get."""
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
