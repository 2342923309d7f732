"""Gives services the images that they lack, and removes deleted ones from them."""

import logging
import math
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ambience.catalog import Begun, Catalog, ImageRecord, Journal, Missed
from ambience.core.errors import (
    AmbienceError,
    BadInputError,
    NotFoundError,
    UnavailableError,
)
from ambience.core.features import ImageId
from ambience.core.file_descriptors import NO_DESCRIPTORS, is_shortage
from ambience.imaging import Limits
from ambience.ingest.bounded_map import bounded_map
from ambience.ingest.folders import file_batches
from ambience.ingest.image_locks import ImageLocks
from ambience.ingest.import_report import Failure, Progress
from ambience.ingest.originals import Originals
from ambience.service import AnyService
from ambience.service.capabilities import HoldsImages
from ambience.service.fan_out import FanOut
from ambience.sync.extraction import Due, Extraction, Ready
from ambience.sync.recent_rate import RecentRate
from ambience.sync.service_updates import ENDS, ServiceUpdates, Tell
from ambience.sync.suspects import Suspects
from ambience.sync.work_done import WorkDone
from ambience.sync.work_queue import TakenWork, WorkQueue

_PAGE = 500  # entries read at once
_TAKEN = 32  # images taken at once: each time costs a transaction; others take the rest
# Images written together: they share a transaction, and nobody else may change them
# meanwhile.
_BATCH = 16
_BATCH_BYTES = 2**24  # the largest size of their files, which may have to be sent

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Run:
    """One call of `Repairer.repair`.

    Attributes:
        services: The services that take part, by name.
        made: What was done for each service.
        fan_out: Tells them, each within its time limit.
        goes_on: Whether more work may begin.
        taken: The work it has taken.
    """

    services: Mapping[str, AnyService]
    made: Mapping[str, WorkDone]
    fan_out: FanOut[None]
    goes_on: Callable[[], bool]
    taken: TakenWork

    @property
    def batch(self) -> int:
        """How many images are written together."""
        # For a service elsewhere, each image is a request, which may take long.
        return 1 if any(one.url for one in self.services.values()) else _BATCH

    @property
    def active(self) -> list[str]:
        """The services whose work has not ended early."""
        return [name for name, made in self.made.items() if not made.ended]

    def end(self, name: str, error: Exception) -> None:
        """Do nothing more for a service."""
        self.made[name].ended = str(error)


class Repairer:
    """Gives services what they still have to get, as listed by `Missed`.

    Work is taken first, so that no other process does the same. Then an image is read,
    decoded once for all services that lack it, and extracted. It is looked up again
    while nobody else may change it, and is written only if it is unchanged and still
    listed. So nothing newer is overwritten, and nothing deleted comes back.

    Args:
        catalog: The images that there should be.
        missed: What each service still has to get.
        journal: Keeps other processes away from these images.
        originals: Knows the files.
        image_locks: Keep other threads away, and wait for services that are still
            writing.
        limits: The limits for images.
    """

    def __init__(  # noqa: PLR0913 -- its parts, each passed in by name
        self,
        *,
        catalog: Catalog,
        missed: Missed,
        journal: Journal,
        originals: Originals,
        image_locks: ImageLocks,
        limits: Limits,
    ) -> None:
        self._catalog = catalog
        self._missed = missed
        self._originals = originals
        self._updates = ServiceUpdates(journal, image_locks)
        self._suspects = Suspects()
        self._extraction = Extraction(originals, limits=limits)
        self._queue = WorkQueue(missed, journal)
        self._rates: defaultdict[str, RecentRate] = defaultdict(RecentRate)

    def rate(self, service: str) -> float | None:
        """Return how many images per second it got lately; None if unknown."""
        return self._rates[service].per_s()

    def repair(
        self,
        services: Sequence[AnyService],
        *,
        threads: int = 1,
        stop: threading.Event | None = None,
        within_s: float = math.inf,
        on_progress: Callable[[Progress], None] = lambda _: None,
    ) -> dict[str, WorkDone]:
        """Give services what they still have to get, except for stuck images.

        Args:
            services: The services; an image that several lack is decoded once for all.
            threads: How many images are read at once.
            stop: Set it to stop after the images in progress.
            within_s: Begin nothing more after so many seconds.
            on_progress: Called after every image of every service.

        Returns:
            What was done for each service, by name, even if it went away meanwhile.
        """
        if not services:
            return {}
        stop, until = stop or threading.Event(), time.monotonic() + within_s
        made = {service.name: WorkDone() for service in services}
        run = _Run(
            {service.name: service for service in services},
            made,
            FanOut({service.name: service.timeout_s for service in services}),
            lambda: not stop.is_set() and time.monotonic() < until,
            self._queue.begin(),
        )
        tallies = self._missed.tallies()
        of = [tallies[name] for name in made if name in tallies]
        total, done = sum(tally.total - tally.stuck for tally in of), 0
        try:
            for count in self._give(run, threads, stop):
                for _ in range(count):
                    done += 1
                    on_progress(Progress(done, max(done, total)))
        except ENDS as error:
            for name in run.active:
                run.end(name, error)
        finally:
            run.fan_out.close(within_s=0)  # don't wait any longer for one that hangs
            run.taken.end()
        return made

    def failures(self, service: str) -> Iterator[Failure]:
        """Iterate over the images that a service can't get now, with their files."""
        after = None
        while page := self._missed.of(service, after=after, limit=_PAGE):
            after = page[-1].image_id
            files = {
                record.image_id: self._originals.file_of(record)
                for record in self._catalog.find([entry.image_id for entry in page])
            }
            for entry in page:
                file = files.get(entry.image_id) or Path(f"image {entry.image_id}")
                yield Failure(file, entry.reason)

    # -- taking work -----------------------------------------------------------------

    def _parts(self, run: _Run, threads: int) -> Iterator[list[Due]]:
        """Take work, and yield it in parts that are extracted together."""
        after, suspects = None, dict[ImageId, Collection[str]]()
        while run.goes_on() and (page := self._queue.page(run.active, after=after)):
            after = max(page)
            first, last = self._suspects.split(page)
            suspects |= last
            yield from self._parts_of(run, first, threads)
        yield from self._parts_of(run, suspects, threads)

    def _parts_of(
        self, run: _Run, wanted: Mapping[ImageId, Collection[str]], threads: int
    ) -> Iterator[list[Due]]:
        ids = list(wanted)
        for start in range(0, len(ids), _TAKEN):
            if not run.goes_on():
                return
            some = {i: wanted[i] for i in ids[start : start + _TAKEN]}
            yield from file_batches(self._taken(run, some), threads=threads)

    def _taken(self, run: _Run, wanted: Mapping[ImageId, Collection[str]]) -> list[Due]:
        """Take work that is free; handle deleted images, return the others."""
        taken = run.taken.take(
            {
                name: [i for i, names in wanted.items() if name in names]
                for name in run.active
            }
        )
        records = self._catalog.find(sorted({i for ids in taken.values() for i in ids}))
        known = {record.image_id for record in records}
        self._remove(
            run, {n: [i for i in ids if i not in known] for n, ids in taken.items()}
        )
        return [
            Due(record, [n for n, ids in taken.items() if record.image_id in ids])
            for record in records
        ]

    # -- giving ----------------------------------------------------------------------

    def _give(self, run: _Run, threads: int, stop: threading.Event) -> Iterator[int]:
        """Give services images, in batches; yield how many were processed each time."""

        def extract(part: Sequence[Due]) -> list[Ready]:
            active = {name: run.services[name] for name in run.active}
            return [] if stop.is_set() else self._extraction.ready(part, active)

        batch: list[Ready] = []
        parts = self._parts(run, threads)
        for _, future in bounded_map(extract, parts, threads=threads, stop=stop):
            for ready in future.result():
                for name, error in ready.refused.items():
                    self._refuse(run, name, ready.record, error)
                if ready.extracted:
                    batch.append(ready)
                size = sum(one.byte_count for one in batch)
                if len(batch) >= run.batch or size > _BATCH_BYTES:
                    self._write_batch(run, batch)
                    batch.clear()
                yield len(ready.refused) + len(ready.extracted)
        self._write_batch(run, batch)

    def _refuse(
        self, run: _Run, name: str, record: ImageRecord, error: Exception
    ) -> None:
        """Record that a service can't get an image, or that nobody can."""
        if name not in run.active:
            return
        if isinstance(error, UnavailableError):
            run.end(name, error)
        elif is_shortage(error):  # it says nothing about the image
            run.end(name, UnavailableError(NO_DESCRIPTORS))
        elif isinstance(error, NotFoundError):
            self._forget(run, name, record, error)
        else:
            self._mark_stuck(run, name, record, error)

    def _write_batch(self, run: _Run, batch: Sequence[Ready]) -> None:
        """Write a batch; images that may have broken a service come last, and alone."""
        together, alone = [], []
        for ready in batch:
            image_id, of = ready.record.image_id, ready.extracted
            suspect = {n: of[n] for n in of if self._suspects.has(n, image_id)}
            rest = {n: of[n] for n in of if n not in suspect}
            alone += [replace(ready, extracted={n: of[n]}) for n in suspect]
            together += [replace(ready, extracted=rest)] if rest else []
        self._write(run, together)
        for one in alone:
            self._write(run, [one])

    def _write(self, run: _Run, batch: Sequence[Ready]) -> None:
        wanted = {
            name: [ready.record.image_id for ready in batch if name in ready.extracted]
            for name in run.active
        }
        with self._updates.locked(wanted) as (begun, missing):
            now = {r.image_id: r.sha256 for r in self._catalog.find(begun.ids)}
            same = {
                name: {
                    ready.record.image_id: ready.extracted[name]
                    for ready in batch
                    if ready.record.image_id in ids
                    and now.get(ready.record.image_id) == ready.record.sha256
                }
                for name, ids in missing.items()
            }
            failed = self._tell(run, begun, same, _put)
            put = {name: list(of) for name, of in same.items() if name not in failed}
            self._missed.settle(put, begun=begun)
        for name, ids in put.items():
            run.taken.done(name, ids)
            run.made[name].put += len(ids)
            self._suspects.clear(name, ids)
            if ids:
                self._rates[name].add(len(ids))
        for name, error in failed.items():
            self._write_singly(run, name, batch, error)

    def _write_singly(
        self, run: _Run, name: str, batch: Sequence[Ready], error: AmbienceError
    ) -> None:
        """Find out which image of a batch a service refuses, and write the others."""
        own = [ready for ready in batch if name in ready.extracted]
        if not isinstance(error, BadInputError):
            ids = [ready.record.image_id for ready in own]
            if isinstance(error, UnavailableError) and self._suspects.note(name, ids):
                self._mark_stuck(run, name, own[0].record, error)
            run.end(name, error)
            return
        if len(own) == 1:
            self._forget(run, name, own[0].record, error)
            return
        for ready in own:
            self._write(run, [replace(ready, extracted={name: ready.extracted[name]})])

    def _remove(self, run: _Run, gone: Mapping[str, Sequence[ImageId]]) -> None:
        with self._updates.locked(gone) as (begun, missing):
            known = {record.image_id for record in self._catalog.find(begun.ids)}
            those = {
                name: {image_id: None for image_id in ids if image_id not in known}
                for name, ids in missing.items()
            }
            failed = self._tell(run, begun, those, _remove)
            removed = {n: list(ids) for n, ids in those.items() if n not in failed}
            self._missed.settle(removed, begun=begun)
        for name, ids in removed.items():
            run.taken.done(name, ids)
            run.made[name].removed += len(ids)
        for name, error in failed.items():
            run.end(name, error)

    def _forget(
        self, run: _Run, name: str, record: ImageRecord, error: Exception
    ) -> None:
        """Remove an image from a service: better no feature than an outdated one."""
        with self._updates.locked({name: [record.image_id]}) as (begun, _):
            failed: Mapping[str, AmbienceError] = {}
            if self._catalog.find(begun.ids) == [record]:
                those = {name: dict.fromkeys(begun.ids)}
                failed = self._tell(run, begun, those, _remove)
            self._missed.settle({}, begun=begun)
        if failed:
            run.end(name, failed[name])
        else:
            self._mark_stuck(run, name, record, error)

    def _mark_stuck(
        self, run: _Run, name: str, record: ImageRecord, error: Exception
    ) -> None:
        match error:
            case FileNotFoundError():
                reason = "the file is gone"
            case OSError():
                reason = f"the file can't be read: {error.strerror or error}"
            case AmbienceError():
                reason = str(error)
            case _:
                _log.error(
                    "%s failed on image %s", name, record.image_id, exc_info=error
                )
                reason = f"{name} failed on it: {error!r}"
        self._missed.mark_stuck(name, record, reason)
        run.taken.done(name, [record.image_id])
        run.made[name].stuck += 1

    def _tell(
        self,
        run: _Run,
        begun: Begun,
        what: Mapping[str, Mapping[ImageId, object]],
        act: Tell,
    ) -> dict[str, AmbienceError]:
        return self._updates.tell(run.fan_out, run.services, begun, what, act)


def _put(held: HoldsImages, extracted: Mapping[ImageId, object]) -> None:
    held.put(extracted)


def _remove(held: HoldsImages, ids: Mapping[ImageId, object]) -> None:
    held.remove(list(ids))
