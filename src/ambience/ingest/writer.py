"""Changes images in every service and the catalog together: all of it or nothing."""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol, TypeVar

from ambience.catalog import Catalog, ImageRecord, Journal, JournalEntry, Operation
from ambience.core.errors import (
    AmbienceError,
    BadInputError,
    BusyError,
    NotFoundError,
    UnavailableError,
)
from ambience.core.features import ImageId
from ambience.imaging import ImageFile, ImageInfo, Limits, thumbnail
from ambience.ingest.originals import Originals

_log = logging.getLogger(__name__)

T = TypeVar("T")


class Sink(Protocol):
    """A service as the writer sees it."""

    @property
    def name(self) -> str:
        """The service's name."""
        ...

    def extract(self, image: ImageFile, /) -> object:
        """Return what `put` needs to know of an image; from any thread."""
        ...

    def put(self, extracted: Mapping[ImageId, object], /) -> None:
        """Add or replace images.

        Raises:
            UnavailableError: If the service can't do it now.
        """
        ...

    def remove(self, ids: Sequence[ImageId], /) -> list[ImageId]:
        """Forget images; return those that were known."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """What is left of a file once it has been decoded.

    Attributes:
        sha256: Of the file.
        byte_count: Of the file.
        info: What its header says.
        thumbnail: An encoded one.
        extracted: By service name, what `Sink.extract` returned.
    """

    sha256: bytes
    byte_count: int
    info: ImageInfo
    thumbnail: bytes
    extracted: Mapping[str, object]


@dataclass(frozen=True, slots=True, eq=False)
class Arrival:
    """An image on its way in.

    Attributes:
        image_id: Its key; one that is known is replaced.
        prepared: What it holds.
        path: The user's file, if it is one.
        modified_ns: When that was last changed.
        upload: The bytes of one that has no file of the user's.
        keep: Whether the upload is kept as an original.
        is_new: The key was reserved for it: no image may have it yet.
    """

    image_id: ImageId
    prepared: Prepared
    path: Path | None = None
    modified_ns: int | None = None
    upload: bytes = b""
    keep: bool = False
    is_new: bool = False


class Writer:
    """Adds, replaces and deletes images, and mends what was cut short.

    A change is written to the journal, then to each service, then to the catalog,
    which strikes it out of the journal in the same transaction: from then on it is
    done. What a process that died left in the journal is undone if the image is new,
    and done again from its bytes if it replaced another.

    Args:
        catalog: Knows the images.
        journal: Knows the changes under way.
        originals: Keeps our own files.
        sinks: The services that take part.
        limits: What an image may cost.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        journal: Journal,
        originals: Originals,
        sinks: Sequence[Sink],
        limits: Limits,
    ) -> None:
        self.catalog = catalog
        self.originals = originals
        self.limits = limits
        self._journal = journal
        self._sinks = sinks
        self._condition = threading.Condition()
        self._at_work: set[ImageId] = set()

    def prepare(self, image: ImageFile) -> Prepared:
        """Decode a file once and take from it all that is needed; from any thread.

        Raises:
            BadInputError: If it can't be decoded.
        """
        return Prepared(
            sha256=image.sha256,
            byte_count=len(image.data),
            info=image.info,
            thumbnail=thumbnail(image.image),
            extracted={sink.name: sink.extract(image) for sink in self._sinks},
        )

    def put(self, arrivals: Sequence[Arrival]) -> dict[str, str]:
        """Add or replace images; when it returns, they are there to stay.

        Returns:
            By service name, why a service could not take part; empty if all did.

        Raises:
            BusyError: If another process is changing one of them, or has just given
                away a key that was reserved.
        """
        return self._once_mended(lambda: self._put_alone(arrivals))

    def _put_alone(self, arrivals: Sequence[Arrival]) -> dict[str, str]:
        ids = [arrival.image_id for arrival in arrivals]
        with self._alone(ids):
            known = {record.image_id: record for record in self.catalog.find(ids)}
            entries = [
                JournalEntry(
                    arrival.image_id,
                    Operation.PUT,
                    self._stage(arrival, replaces=arrival.image_id in known),
                    arrival.keep,
                )
                for arrival in arrivals
            ]
            new = [arrival.image_id for arrival in arrivals if arrival.is_new]
            try:
                self._journal.begin(entries, new=new)
            except BaseException:
                for entry in entries:
                    self.originals.drop(entry.image_id, entry.source)
                raise
            try:
                return self._put(
                    arrivals, {e.image_id: e.source for e in entries}, known
                )
            except BaseException:
                self._mend(entries)
                raise

    def delete(self, image_id: ImageId) -> None:
        """Forget an image; our own copy of it goes to the trash.

        The user's own file is left alone, and left out when its folder is imported
        again.

        Raises:
            NotFoundError: If no service and no record knows the image.
            BusyError: If another process is changing it.
        """
        self._once_mended(lambda: self._delete_alone(image_id))

    def recover(self) -> int:
        """Mend what processes that died left half done; return how many changes."""
        staged = self.originals.all_staged()
        mended = self._mend_left_over()
        # In this order: whoever staged one of these held a lock before that, so what
        # is not in use by another process is in no use at all.
        if self._journal.is_alone() and self._journal.is_empty():
            for path in staged:
                path.unlink(missing_ok=True)
        return mended

    def _once_mended(self, change: Callable[[], T]) -> T:
        """Make a change; if what a dead process left is in the way, mend that first."""
        try:
            return change()
        except BusyError:
            if not self._mend_left_over():
                raise
            return change()

    def _mend_left_over(self) -> int:
        entries = self._journal.left_over()
        with self._alone([entry.image_id for entry in entries]):
            self._mend(self._journal.still_open(entries))
        return len(entries)

    def _delete_alone(self, image_id: ImageId) -> None:
        with self._alone([image_id]):
            self._journal.begin([JournalEntry(image_id, Operation.DELETE)])
            if not self._delete(image_id):
                raise NotFoundError(f"there is no image {image_id}")

    def _stage(self, arrival: Arrival, *, replaces: bool) -> str:
        if arrival.upload and (arrival.keep or replaces):
            return self.originals.stage(arrival.image_id, arrival.upload)
        return ""

    def _put(
        self,
        arrivals: Sequence[Arrival],
        sources: Mapping[ImageId, str],
        known: Mapping[ImageId, ImageRecord],
    ) -> dict[str, str]:
        unavailable: dict[str, str] = {}
        for arrival in arrivals:
            self.originals.write_thumbnail(
                arrival.prepared.sha256, arrival.prepared.thumbnail
            )
        for sink in self._sinks:
            try:
                sink.put(
                    {a.image_id: a.prepared.extracted[sink.name] for a in arrivals}
                )
            except UnavailableError as error:
                unavailable[sink.name] = str(error)
        records = [
            self._record(a, sources[a.image_id], known.get(a.image_id))
            for a in arrivals
        ]
        for record in records:
            replaced = known.get(record.image_id)
            old = None if replaced is None else replaced.original
            # Now, as nobody would know of it once the change is out of the journal.
            if old is not None and old != record.original:
                self.originals.discard(old)
        self.catalog.put(records)
        for record in records:
            if record.original is None:
                self.originals.drop(record.image_id, sources[record.image_id])
            replaced = known.get(record.image_id)
            if replaced is not None and replaced.sha256 != record.sha256:
                self._drop_thumbnail(replaced.sha256)
        return unavailable

    def _record(
        self, arrival: Arrival, source: str, known: ImageRecord | None
    ) -> ImageRecord:
        prepared, now = arrival.prepared, datetime.now(UTC)
        changed = (
            now if arrival.modified_ns is None else _date(arrival.modified_ns, now)
        )
        original = None
        if arrival.keep:
            original = self.originals.keep(
                arrival.image_id, source, suffix=prepared.info.format
            )
        return ImageRecord(
            image_id=arrival.image_id,
            sha256=prepared.sha256,
            byte_count=prepared.byte_count,
            size=prepared.info.size,
            format=prepared.info.format,
            shown_at=prepared.info.taken_at
            or changed.astimezone().replace(tzinfo=None),
            added_at=now if known is None else known.added_at,
            path=arrival.path,
            original=original,
            modified_ns=arrival.modified_ns,
        )

    def _delete(self, image_id: ImageId) -> bool:
        known = False
        for sink in self._sinks:
            try:
                known |= bool(sink.remove([image_id]))
            except UnavailableError as error:
                _log.warning("image %s stays in %s: %s", image_id, sink.name, error)
        records = self.catalog.find([image_id])
        for record in records:
            trashed = None
            if record.original is not None:
                trashed = self.originals.discard(record.original)
            self.catalog.delete(record, trashed=trashed)
            self._drop_thumbnail(record.sha256)
        if not records:
            self._journal.abandon([image_id])
        return known or bool(records)

    def _mend(self, entries: Sequence[JournalEntry]) -> None:
        """Undo or finish changes that were cut short; what can't be, stays listed."""
        for entry in entries:
            try:
                match entry.operation:
                    case Operation.DELETE:
                        self._delete(entry.image_id)
                    case Operation.PUT:
                        self._mend_put(entry)
            except (AmbienceError, OSError) as error:
                _log.warning("image %s is not mended yet: %s", entry.image_id, error)

    def _mend_put(self, entry: JournalEntry) -> None:
        known = self.catalog.find([entry.image_id])
        staged = self.originals.staged(entry.image_id, entry.source)
        if known and staged is not None:
            self._finish(entry, staged, known[0])
            return
        self.originals.drop(entry.image_id, entry.source)
        if known:
            self._restore(known[0])
        else:
            for sink in self._sinks:
                sink.remove([entry.image_id])
            self._journal.abandon([entry.image_id])

    def _finish(self, entry: JournalEntry, staged: bytes, known: ImageRecord) -> None:
        """Replace an image by what was staged for it."""
        arrival = Arrival(
            image_id=entry.image_id,
            prepared=self.prepare(ImageFile(staged, limits=self.limits)),
            upload=staged,
            keep=entry.keep,
        )
        self._put([arrival], {entry.image_id: entry.source}, {entry.image_id: known})

    def _restore(self, known: ImageRecord) -> None:
        """Make every service say again what the image's own file holds.

        A file that can't be read now (a disk that is not there, or what the user put
        in its place is no image) is looked at again by the next import: without a date
        it counts as changed.
        """
        file = self.originals.file_of(known)
        try:
            if file is None:
                raise FileNotFoundError
            prepared = self.prepare(ImageFile(file.read_bytes(), limits=self.limits))
        except (OSError, BadInputError) as error:
            missing = isinstance(error, FileNotFoundError)
            self.catalog.put([replace(known, modified_ns=None, missing=missing)])
            return
        arrival = Arrival(
            image_id=known.image_id,
            prepared=prepared,
            path=known.path,
            modified_ns=None if known.path is None else file.stat().st_mtime_ns,
        )
        for sink in self._sinks:
            sink.put({known.image_id: arrival.prepared.extracted[sink.name]})
        record = self._record(arrival, "", known)
        self.catalog.put([replace(record, original=known.original)])

    def _drop_thumbnail(self, sha256: bytes) -> None:
        if not self.catalog.with_sha256(sha256):
            self.originals.remove_thumbnail(sha256)

    @contextmanager
    def _alone(self, ids: Sequence[ImageId]) -> Iterator[None]:
        """Keep other threads from changing the same images."""
        with self._condition:
            while not self._at_work.isdisjoint(ids):
                self._condition.wait()
            self._at_work.update(ids)
        try:
            yield
        finally:
            with self._condition:
                self._at_work.difference_update(ids)
                self._condition.notify_all()


def _date(modified_ns: int, now: datetime) -> datetime:
    """Return a file's date; today's for one that no calendar holds."""
    try:
        return datetime.fromtimestamp(modified_ns / 1e9, UTC)
    except (ValueError, OverflowError, OSError):
        return now
