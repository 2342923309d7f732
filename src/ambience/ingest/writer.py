"""Changes images in every service and the catalog together: all of it or nothing."""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from ambience.catalog import Catalog, ImageRecord, Journal, JournalEntry, Operation
from ambience.core.errors import (
    AmbienceError,
    BadInputError,
    BusyError,
    NotFoundError,
)
from ambience.core.features import ImageId
from ambience.imaging import ImageFile, Limits, thumbnail
from ambience.ingest.image_locks import Alone
from ambience.ingest.incoming import Arrival, Prepared
from ambience.ingest.originals import Originals
from ambience.ingest.regular_files import read_regular
from ambience.ingest.sinks import Sinks
from ambience.service import AnyService

_log = logging.getLogger(__name__)

T = TypeVar("T")


class Writer:
    """Adds, replaces and deletes images, and mends what was cut short.

    A change is written to the journal, then to each service, then to the catalog,
    which strikes it out of the journal in the same transaction: from then on it is
    done. What a process that died left in the journal is undone if the image is new
    and its bytes were not kept yet, and done again from its bytes otherwise. A service
    that can't follow is noted in that same transaction, and gets what it missed later,
    by `Repairer`.

    Args:
        catalog: Knows the images.
        journal: Knows the changes under way.
        originals: Keeps our own files.
        services: All there are; those that hold images take part.
        limits: What an image may cost.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        journal: Journal,
        originals: Originals,
        services: Sequence[AnyService],
        limits: Limits,
    ) -> None:
        self.catalog = catalog
        self.originals = originals
        self.limits = limits
        self.alone = Alone()
        self._journal = journal
        self._sinks = Sinks(services, self.alone)
        self._given_up: set[JournalEntry] = set()  # each is said once

    def close(self) -> None:
        """End the threads that tell services."""
        self._sinks.close()

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
            extracted=self._sinks.extract(image),
        )

    def put(self, arrivals: Sequence[Arrival]) -> dict[str, str]:
        """Add or replace images; when it returns, they are there to stay.

        Returns:
            By service name, why a service could not take part, and what becomes of
            that; empty if all did.

        Raises:
            BusyError: If another process is changing one of them, or has just given
                away a key that was reserved.
        """
        return self._once_mended(lambda: self._put_alone(arrivals))

    def _put_alone(self, arrivals: Sequence[Arrival]) -> dict[str, str]:
        self._journal.check_writable()  # before anything is staged
        ids = [arrival.image_id for arrival in arrivals]
        with self.alone(ids):
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

    def claim(self, service: str, image_id: ImageId) -> None:
        """Take an id for an image that a caller gives to one service alone.

        From now on it is theirs: it is not given out later, and not removed there as
        what a deleted image has left.

        Raises:
            BusyError: If another process is just removing such a left-over.
        """

        def claim() -> None:
            with self.alone([image_id]):
                self.catalog.claim_id(image_id, service=service)

        self._once_mended(claim)

    def mend(self) -> None:
        """Try again to end what this process could not, or one that died."""
        if self._journal.is_empty():
            return
        self._mend_left_over()
        for entry in self._journal.ours():
            with self.alone([entry.image_id]):  # if it is at work, it ends first
                self._mend(self._journal.still_open([entry]))

    def cut_short(self) -> int:
        """Return how many changes wait to be mended, while none is under way here."""
        return self._journal.cut_short()

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
        with self.alone([entry.image_id for entry in entries]):
            self._mend(self._journal.still_open(entries), died=True)
        return len(entries)

    def _delete_alone(self, image_id: ImageId) -> None:
        with self.alone([image_id]):
            self._journal.begin([JournalEntry(image_id, Operation.DELETE)])
            known, away = self._delete(image_id)
            if not known:
                told = f"; {', '.join(away)} can't say, and is told later"
                raise NotFoundError(f"there is no image {image_id}{told * bool(away)}")

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
        for arrival in arrivals:
            self.originals.write_thumbnail(
                arrival.prepared.sha256, arrival.prepared.thumbnail
            )
        away = self._sinks.put({a.image_id: a.prepared.extracted for a in arrivals})
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
        self.catalog.put(records, self._sinks.reach(away))
        for record in records:
            if record.original is None:
                self.originals.drop(record.image_id, sources[record.image_id])
            replaced = known.get(record.image_id)
            if replaced is not None and replaced.sha256 != record.sha256:
                self._drop_thumbnail(replaced.sha256)
        kept = all(arrival.path or arrival.keep for arrival in arrivals)
        return {name: _said(error, kept=kept) for name, error in away.items()}

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

    def _delete(self, image_id: ImageId) -> tuple[bool, Collection[str]]:
        """Return whether anybody knew an image, and which services could not say."""
        known, away = self._sinks.remove([image_id])
        reach = self._sinks.reach(away)
        records = self.catalog.find([image_id])
        for record in records:
            trashed = None
            if record.original is not None:
                trashed = self.originals.discard(record.original)
            self.catalog.delete(record, trashed=trashed, reach=reach)
            self._drop_thumbnail(record.sha256)
        if not records:
            self.catalog.forget([image_id], reach)
        return known or bool(records), away.keys()

    def _mend(self, entries: Sequence[JournalEntry], *, died: bool = False) -> None:
        """Undo or finish changes that were cut short; what can't be, stays listed.

        Args:
            entries: Of the changes.
            died: Whether the process that made them did, so that nobody was told that
                they failed.
        """
        for entry in entries:
            try:
                match entry.operation:
                    case Operation.DELETE:
                        self._delete(entry.image_id)
                    case Operation.PUT:
                        self._mend_put(entry, died=died)
                    case Operation.REPAIR:  # is still noted as missed
                        self._journal.abandon([entry.image_id])
            except (AmbienceError, OSError) as error:
                if entry not in self._given_up:
                    self._given_up.add(entry)
                    _log.warning(
                        "image %s waits to be mended: %s", entry.image_id, error
                    )

    def _mend_put(self, entry: JournalEntry, *, died: bool) -> None:
        known = self.catalog.find([entry.image_id])
        staged = self.originals.staged(entry.image_id, entry.source)
        # A new image whose bytes are an original by now was nearly done; it may even
        # have been acknowledged, where the catalog lost the end of its log.
        kept = died and self.originals.is_kept(entry.image_id, entry.source)
        if staged is not None and (known or kept):
            self._finish(entry, staged, {record.image_id: record for record in known})
            return
        self.originals.drop(entry.image_id, entry.source)
        if known:
            self._restore(known[0])
        else:
            _, away = self._sinks.remove([entry.image_id])
            self.catalog.forget([entry.image_id], self._sinks.reach(away))

    def _finish(
        self,
        entry: JournalEntry,
        staged: bytes,
        known: Mapping[ImageId, ImageRecord],
    ) -> None:
        """Make an image of what was staged for it, or replace it by that."""
        arrival = Arrival(
            image_id=entry.image_id,
            prepared=self.prepare(ImageFile(staged, limits=self.limits)),
            upload=staged,
            keep=entry.keep,
        )
        self._put([arrival], {entry.image_id: entry.source}, known)

    def _restore(self, known: ImageRecord) -> None:
        """Make every service say again what the image's own file holds.

        A file that can't be read now (a disk that is not there, or what the user put
        in its place is no image) is looked at again by the next import: without a date
        it counts as changed. A copy of ours that is damaged is not taken for the image.
        """
        try:
            file, image = self._own_file(known)
            prepared = self.prepare(image)
        except (OSError, BadInputError) as error:
            missing = isinstance(error, FileNotFoundError)
            self.catalog.put(
                [replace(known, modified_ns=None, missing=missing)],
                self._sinks.nobody("a change was cut short"),
            )
            return
        arrival = Arrival(
            image_id=known.image_id,
            prepared=prepared,
            path=known.path,
            modified_ns=None if known.path is None else file.stat().st_mtime_ns,
        )
        away = self._sinks.put({known.image_id: arrival.prepared.extracted})
        record = self._record(arrival, "", known)
        self.catalog.put(
            [replace(record, original=known.original)], self._sinks.reach(away)
        )

    def _own_file(self, known: ImageRecord) -> tuple[Path, ImageFile]:
        """Return the file of an image, and what it holds.

        Raises:
            OSError: If it is not there, or can't be read.
            BadInputError: If it is larger than allowed, or a damaged copy of ours.
        """
        file = self.originals.file_of(known)
        if file is None:
            raise FileNotFoundError
        ours = known.path is None
        data = read_regular(file, limits=self.limits, follow=not ours)
        image = ImageFile(data, limits=self.limits)
        if ours and image.sha256 != known.sha256:
            raise BadInputError("our copy is damaged: restore it from a backup")
        return file, image

    def _drop_thumbnail(self, sha256: bytes) -> None:
        if not self.catalog.with_sha256(sha256):
            self.originals.remove_thumbnail(sha256)


def _said(error: AmbienceError, *, kept: bool) -> str:
    """Return why a service could not take an image, and what becomes of that."""
    if isinstance(error, BadInputError):
        return str(error)
    if kept:
        return f"{error}; it gets what it missed once it answers"
    return f"{error}; the image was not kept: send it again once it answers"


def _date(modified_ns: int, now: datetime) -> datetime:
    """Return a file's date; today's for one that no calendar holds."""
    try:
        return datetime.fromtimestamp(modified_ns / 1e9, UTC)
    except (ValueError, OverflowError, OSError):
        return now
