"""Changes images in every service and the catalog, completely or not at all."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from ambience.catalog import Catalog, Journal, JournalEntry, Operation
from ambience.core.errors import (
    AmbienceError,
    BadParameterError,
    BusyError,
    NotFoundError,
    TakenOverError,
)
from ambience.core.features import ImageId
from ambience.imaging import ImageFile, Limits
from ambience.ingest.changes import Changes
from ambience.ingest.image_locks import ImageLocks
from ambience.ingest.incoming import Arrival, Prepared
from ambience.ingest.originals import Originals
from ambience.ingest.recovery import Recovery
from ambience.ingest.sinks import Sinks
from ambience.service import AnyService

T = TypeVar("T")


class Writer:
    """Adds, replaces and deletes images, and resolves interrupted changes.

    A change is written to the journal, then to each service, then to the catalog, which
    removes it from the journal in the same transaction; that completes it. If a process
    dies, `Recovery` resolves what it left in the journal. If a service can't follow,
    the same transaction records that, and `Repairer` gives it what it missed later.

    Args:
        catalog: Knows the images.
        journal: Knows the changes under way.
        originals: Keeps our own files.
        services: All services; those that hold images take part.
        limits: The limits for images.
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
        self.image_locks = ImageLocks()
        self._journal = journal
        self._changes = Changes(
            catalog=catalog,
            journal=journal,
            originals=originals,
            sinks=Sinks(services, self.image_locks),
            limits=limits,
        )
        self._recovery = Recovery(self._changes, journal, self.image_locks)

    def close(self) -> None:
        """End the threads that tell services."""
        self._changes.sinks.close()

    def prepare(self, image: ImageFile, *, wait: bool = True) -> Prepared:
        """See `Changes.prepare`; may be called from any thread."""
        return self._changes.prepare(image, wait=wait)

    def prepare_all(
        self, images: Sequence[ImageFile], *, wait: bool = True
    ) -> list[Prepared | AmbienceError]:
        """See `Changes.prepare_all`; may be called from any thread."""
        return self._changes.prepare_all(images, wait=wait)

    def read(
        self, data: bytes, *, limits: Limits | None = None, wait: bool = True
    ) -> ImageFile:
        """See `Changes.read`."""
        return self._changes.read(data, limits=limits, wait=wait)

    def put(self, arrivals: Sequence[Arrival]) -> dict[str, str]:
        """Add or replace images; when this returns, they are stored safely.

        Work that was put off for slow services is recorded in the same transaction as
        the images, so it is certain to be done later.

        Returns:
            Why services could not take part, and what happens next, by service; empty
            if all did.

        Raises:
            BadParameterError: If work was put off that can't be done later, because the
                file is not kept.
            BusyError: If another process is changing one of the images, or a reserved
                key was taken.
        """
        return self._once_mended(lambda: self._put(arrivals))

    def delete(self, image_id: ImageId) -> None:
        """Remove an image; our own copy of it goes to the trash.

        The user's own file is left alone, and is left out when its folder is imported
        again.

        Raises:
            NotFoundError: If no service and no record knows the image.
            BusyError: If another process is changing it.
        """
        self._once_mended(lambda: self._delete(image_id))

    def note_lone_image(self, service: str, image_id: ImageId) -> None:
        """Note that a caller uses an id at one service alone.

        The id is not assigned to another image later, and the image is not removed
        there as a left-over of a deleted one.

        Raises:
            BusyError: If another process is just removing such a left-over.
        """

        def note() -> None:
            with self.image_locks([image_id]):
                self.catalog.note_lone_image(image_id, service=service)

        self._once_mended(note)

    def mend(self) -> None:
        """See `Recovery.mend`."""
        self._recovery.mend()

    def recover(self) -> int:
        """See `Recovery.recover`."""
        return self._recovery.recover()

    def cut_short(self) -> int:
        """Return how many interrupted changes there are, while none is under way."""
        return self._journal.cut_short()

    def _once_mended(self, change: Callable[[], T]) -> T:
        """Make a change; if a dead process's change blocks it, resolve that first."""
        try:
            return change()
        except BusyError:
            if not self._recovery.mend_left_over():
                raise
            return change()

    def _put(self, arrivals: Sequence[Arrival]) -> dict[str, str]:
        self._journal.check_writable()  # before anything is staged
        if any(a.prepared.put_off and not (a.path or a.keep) for a in arrivals):
            raise BadParameterError(
                "slow services can't get the image later because its file is not kept: "
                "leave out wait=false, or keep the file"
            )
        ids = [arrival.image_id for arrival in arrivals]
        with self.image_locks(ids):
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
                begun = self._journal.begin(entries, new=new)
            except BaseException:
                for entry in entries:
                    self.originals.drop(entry.image_id, entry.source)
                raise
            entries = [replace(entry, owner=begun.owner) for entry in entries]
            sources = {entry.image_id: entry.source for entry in entries}
            try:
                return self._changes.put(arrivals, sources, known, begun)
            except TakenOverError:
                self._recovery.note_taken_over(entries)
                raise
            except BaseException:
                self._recovery.end(entries)
                raise

    def _delete(self, image_id: ImageId) -> None:
        with self.image_locks([image_id]):
            entry = JournalEntry(image_id, Operation.DELETE)
            begun = self._journal.begin([entry])
            try:
                known, away = self._changes.delete(begun)
            except TakenOverError:
                self._recovery.note_taken_over([entry])
                raise
            if not known:
                told = f"; {', '.join(away)} can't say, and will be told later"
                raise NotFoundError(f"there is no image {image_id}{told * bool(away)}")

    def _stage(self, arrival: Arrival, *, replaces: bool) -> str:
        if arrival.upload and (arrival.keep or replaces):
            return self.originals.stage(arrival.image_id, arrival.upload)
        return ""
