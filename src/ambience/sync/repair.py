"""Makes up for what services missed: they get some images, and forget others."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ambience.catalog import Begun, Catalog, ImageRecord, Journal, Missed
from ambience.core.errors import (
    AmbienceError,
    BadInputError,
    BusyError,
    NotFoundError,
    StoredDataError,
    UnavailableError,
)
from ambience.core.features import ImageId
from ambience.core.shortage import NO_DESCRIPTORS, is_shortage
from ambience.imaging import ImageFile, Limits
from ambience.ingest.bounded_map import bounded_map
from ambience.ingest.image_locks import ImageLocks
from ambience.ingest.importer import Failure, Progress
from ambience.ingest.originals import Originals
from ambience.ingest.regular_files import read_regular
from ambience.service import AnyService, required
from ambience.service.capabilities import HoldsImages

_PAGE = 500  # entries read at once
# Images written together: they share a transaction, and nobody else may change them
# meanwhile, which takes a request each where the service runs elsewhere.
_BATCH = 16
_BATCH_BYTES = 2**24  # and the bytes of their files, which may have to be sent


@dataclass(slots=True)
class MadeUp:
    """What was made up for at one service, in numbers of images.

    Attributes:
        put: It has them now, as they are.
        removed: It has forgotten them.
        stuck: Can't be had: their file is not there, or can't be used.
        ended: Why it ended early; empty if it did not.
    """

    put: int = 0
    removed: int = 0
    stuck: int = 0
    ended: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class _Ready:
    """An image whose features wait to be written."""

    record: ImageRecord
    extracted: object
    byte_count: int


class Repairer:
    """Tells services what they missed, as `Missed` says.

    An image is read and extracted first. Then, while nobody else may change it, it is
    looked up again: only if it is still what was read, and still missed, it is
    written. So nothing newer is overwritten, and nothing deleted comes back.

    Args:
        catalog: What there should be.
        missed: What is missed by whom.
        journal: Keeps other processes away from the images at work.
        originals: Knows the files.
        image_locks: Keep other threads away, and from services that are still at a
            write.
        limits: What an image may cost.
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
        self._journal = journal
        self._originals = originals
        self._image_locks = image_locks
        self._limits = limits

    def make_up(
        self,
        service: AnyService,
        *,
        threads: int = 1,
        stop: threading.Event | None = None,
        on_progress: Callable[[Progress], None] = lambda _: None,
    ) -> MadeUp:
        """Tell a service what it missed, but for images that are stuck.

        Args:
            service: Which.
            threads: How many images are read at once.
            stop: Set it to end early, after the images in work.
            on_progress: Told after every image.

        Returns:
            What was done; also when the service went away meanwhile.
        """
        stop = stop or threading.Event()
        made, after = MadeUp(), None
        done, total = 0, self._missed.counts().get(service.name, 0)
        while not stop.is_set() and (
            page := self._missed.waiting(service.name, after=after, limit=_PAGE)
        ):
            after = page[-1]
            records = self._catalog.find(page)
            known = {record.image_id for record in records}
            try:
                self._remove(service, [i for i in page if i not in known], made)
                for _ in self._put(service, records, made, threads, stop):
                    done += 1
                    on_progress(Progress(done, total))
            except (UnavailableError, StoredDataError, BusyError) as error:
                made.ended = str(error)
                break
        return made

    def failures(self, service: str) -> Iterator[Failure]:
        """Iterate over the images that a service can't have now, with their files."""
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

    def _remove(
        self, service: AnyService, ids: Sequence[ImageId], made: MadeUp
    ) -> None:
        with self._at_work(service, ids) as begun:
            known = {record.image_id for record in self._catalog.find(begun.ids)}
            gone = [image_id for image_id in begun.ids if image_id not in known]
            if gone:
                self._remove_at(service, begun, gone)
            self._missed.settle(service.name, gone, begun=begun)
        made.removed += len(gone)

    def _put(
        self,
        service: AnyService,
        records: Sequence[ImageRecord],
        made: MadeUp,
        threads: int,
        stop: threading.Event,
    ) -> Iterator[None]:
        """Give a service images, in batches; yield after each that was looked at."""

        def extract(record: ImageRecord) -> _Ready | None:
            return None if stop.is_set() else self._extract(service, record)

        batch: list[_Ready] = []
        for record, future in bounded_map(extract, records, threads=threads, stop=stop):
            try:
                ready = future.result()
            except UnavailableError:
                raise
            except NotFoundError as error:
                self._forget(service, record, error, made)
            except (AmbienceError, OSError) as error:
                if is_shortage(error):  # it says nothing of the image
                    raise UnavailableError(NO_DESCRIPTORS) from error
                self._stick(service, record, error, made)
            else:
                batch += [] if ready is None else [ready]
            size = sum(ready.byte_count for ready in batch)
            if len(batch) >= _BATCH or size > _BATCH_BYTES:
                self._write(service, batch, made)
                batch.clear()
            yield
        self._write(service, batch, made)

    def _extract(self, service: AnyService, record: ImageRecord) -> _Ready:
        file = self._originals.file_of(record)
        if file is None:
            raise NotFoundError("the image was not kept: send it again")
        data = read_regular(file, limits=self._limits, follow=record.path is not None)
        image = ImageFile(data, limits=self._limits)
        if image.sha256 != record.sha256:
            raise BadInputError("the file has changed: import its folder again")
        (extracted,) = required(service, HoldsImages).extract([image])
        return _Ready(record, extracted, len(image.data))

    def _write(
        self, service: AnyService, batch: Sequence[_Ready], made: MadeUp
    ) -> None:
        try:
            with self._at_work(service, [r.record.image_id for r in batch]) as begun:
                now = {r.image_id: r.sha256 for r in self._catalog.find(begun.ids)}
                same = {
                    ready.record.image_id: ready.extracted
                    for ready in batch
                    if now.get(ready.record.image_id) == ready.record.sha256
                }
                if same:
                    with self._image_locks.at_service(service.name, list(same)):
                        self._journal.check(begun)
                        required(service, HoldsImages).put(same)
                self._missed.settle(service.name, list(same), begun=begun)
            made.put += len(same)
        except BadInputError as error:
            if len(batch) == 1:
                self._forget(service, batch[0].record, error, made)
                return
            for ready in batch:  # which of them it was, shows one at a time
                self._write(service, [ready], made)

    def _forget(
        self, service: AnyService, record: ImageRecord, error: Exception, made: MadeUp
    ) -> None:
        """Rather leave a service with nothing than with what an image was before."""
        with self._at_work(service, [record.image_id]) as begun:
            if self._catalog.find(begun.ids) == [record]:
                self._remove_at(service, begun, begun.ids)
            self._missed.settle(service.name, [], begun=begun)
        self._stick(service, record, error, made)

    def _stick(
        self, service: AnyService, record: ImageRecord, error: Exception, made: MadeUp
    ) -> None:
        match error:
            case FileNotFoundError():
                reason = "the file is gone"
            case OSError():
                reason = f"the file can't be read: {error.strerror or error}"
            case _:
                reason = str(error)
        self._missed.stick(service.name, record, reason)
        made.stuck += 1

    def _remove_at(
        self, service: AnyService, begun: Begun, ids: Sequence[ImageId]
    ) -> None:
        with self._image_locks.at_service(service.name, ids):
            self._journal.check(begun)
            required(service, HoldsImages).remove(ids)

    @contextmanager
    def _at_work(self, service: AnyService, ids: Sequence[ImageId]) -> Iterator[Begun]:
        """Keep everybody else from changing images; give those that are ours."""
        with self._image_locks(ids):
            begun = self._journal.begin_repair(service.name, ids)
            try:
                yield begun
            except BaseException:
                self._journal.abandon(begun)
                raise
