"""Finishes or undoes changes that were interrupted."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ambience.catalog import ImageRecord, Journal, JournalEntry, Operation
from ambience.core.errors import AmbienceError, BadInputError, TakenOverError
from ambience.core.features import ImageId
from ambience.imaging import ImageFile
from ambience.ingest.changes import Changes
from ambience.ingest.image_locks import ImageLocks
from ambience.ingest.incoming import Arrival
from ambience.ingest.regular_files import read_regular

_log = logging.getLogger(__name__)


class Recovery:
    """Resolves changes in the journal that nobody is working on.

    A change is undone if the image is new and its bytes were not kept yet; otherwise it
    is completed, from its bytes.

    Args:
        changes: Makes changes.
        journal: Knows the interrupted ones.
        image_locks: Keeps other threads away.
    """

    def __init__(
        self, changes: Changes, journal: Journal, image_locks: ImageLocks
    ) -> None:
        self._changes = changes
        self._journal = journal
        self._image_locks = image_locks
        self._given_up: set[JournalEntry] = set()  # each is logged once
        self._taken_over: set[ImageId] = set()  # see `note_taken_over`

    def mend(self) -> None:
        """Retry what this process, or one that has died, could not finish."""
        self._settle_taken_over()
        if self._journal.is_empty():
            return
        self.mend_left_over()
        for entry in self._journal.ours():
            with self._image_locks([entry.image_id]):  # wait until its thread is done
                self.end([entry])

    def recover(self) -> int:
        """Resolve what dead processes left half done; return how many changes."""
        staged = self._changes.originals.all_staged()
        mended = self.mend_left_over()
        # In this order: whoever stages a file takes a lock first. So if no other
        # process is using the folder now, nobody needs these files.
        if self._journal.is_alone() and self._journal.is_empty():
            for path in staged:
                path.unlink(missing_ok=True)
        return mended

    def mend_left_over(self) -> int:
        """Resolve what dead processes have left; return how many changes."""
        entries = self._journal.left_over()
        with self._image_locks([entry.image_id for entry in entries]):
            self.end(entries, died=True)
        return len(entries)

    def note_taken_over(self, entries: Sequence[JournalEntry]) -> None:
        """Remember changes that others took over while we were still working on them.

        We may have told services something after the others were done. Once nobody is
        working on these images, services are made to agree with the catalog again, as
        if they had missed a change.
        """
        self._taken_over.update(entry.image_id for entry in entries)

    def _settle_taken_over(self) -> None:
        for image_id in list(self._taken_over):
            if not self._changes.catalog.is_changing(image_id):
                reach = self._changes.sinks.missed_by_all(
                    "two processes were changing it"
                )
                self._changes.catalog.forget([image_id], reach)
                self._taken_over.discard(image_id)

    def end(self, entries: Sequence[JournalEntry], *, died: bool = False) -> None:
        """Undo or finish interrupted changes; those that can't be remain listed.

        Args:
            entries: The changes.
            died: Whether their process has died, so that nobody was told that they
                failed.
        """
        try:
            left = self._journal.still_open(entries)
        except AmbienceError as error:
            _log.warning("%s images are still to be repaired: %s", len(entries), error)
            return
        for entry in left:
            try:
                match entry.operation:
                    case Operation.DELETE:
                        self._changes.delete(entry.begun)
                    case Operation.PUT:
                        self._mend_put(entry, died=died)
                    case Operation.REPAIR:  # it is still recorded as missed
                        self._journal.abandon(entry.begun)
            except TakenOverError:
                self.note_taken_over([entry])
            except (AmbienceError, OSError) as error:
                if entry not in self._given_up:
                    self._given_up.add(entry)
                    _log.warning(
                        "image %s is still to be repaired: %s", entry.image_id, error
                    )

    def _mend_put(self, entry: JournalEntry, *, died: bool) -> None:
        known = self._changes.catalog.find([entry.image_id])
        staged = self._changes.originals.staged(entry.image_id, entry.source)
        # A new image whose bytes have become an original was nearly done. It may even
        # have been acknowledged, if the catalog lost the end of its log.
        kept = died and self._changes.originals.is_kept(entry.image_id, entry.source)
        if staged is not None and (known or kept):
            self._finish(entry, staged, {record.image_id: record for record in known})
            return
        self._changes.originals.drop(entry.image_id, entry.source)
        if known:
            self._restore(entry, known[0])
        else:
            self._journal.check(entry.begun)
            _, away = self._changes.sinks.remove([entry.image_id])
            reach = self._changes.sinks.reach(away)
            self._changes.catalog.forget([entry.image_id], reach, entry.begun)

    def _finish(
        self,
        entry: JournalEntry,
        staged: bytes,
        known: Mapping[ImageId, ImageRecord],
    ) -> None:
        """Add an image from its staged bytes, or replace it by them."""
        arrival = Arrival(
            image_id=entry.image_id,
            prepared=self._changes.prepare(self._changes.read(staged)),
            upload=staged,
            keep=entry.keep,
        )
        sources = {entry.image_id: entry.source}
        self._changes.put([arrival], sources, known, entry.begun)

    def _restore(self, entry: JournalEntry, known: ImageRecord) -> None:
        """Give every service the content of the image's own file again.

        If that file can't be read now (its disk is not there, or the user has put
        something else in its place), the next import looks at it again, because without
        a date it counts as changed. A damaged copy of ours is not used.
        """
        try:
            file, image = self._own_file(known)
            prepared = self._changes.prepare(image)
        except (OSError, BadInputError) as error:
            missing = isinstance(error, FileNotFoundError)
            self._changes.catalog.put(
                [replace(known, modified_ns=None, missing=missing)],
                self._changes.sinks.missed_by_all("a change was interrupted"),
                entry.begun,
            )
            return
        arrival = Arrival(
            image_id=known.image_id,
            prepared=prepared,
            path=known.path,
            modified_ns=None if known.path is None else file.stat().st_mtime_ns,
        )
        self._journal.check(entry.begun)
        away = self._changes.sinks.put({known.image_id: arrival.prepared.extracted})
        record = self._changes.record(arrival, "", known)
        self._changes.catalog.put(
            [replace(record, original=known.original)],
            self._changes.sinks.reach(away),
            entry.begun,
        )

    def _own_file(self, known: ImageRecord) -> tuple[Path, ImageFile]:
        """Return the file of an image, and its content.

        Raises:
            OSError: If it does not exist, or can't be read.
            BadInputError: If it is larger than allowed, or a damaged copy of ours.
        """
        file = self._changes.originals.file_of(known)
        if file is None:
            raise FileNotFoundError
        ours = known.path is None
        limits = self._changes.limits
        image = self._changes.read(read_regular(file, limits=limits, follow=not ours))
        if ours and image.sha256 != known.sha256:
            raise BadInputError("our copy is damaged: restore it from a backup")
        return file, image
