"""Makes a change to images in every service, in our own files and in the catalog."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime

from ambience.catalog import Begun, Catalog, ImageRecord, Journal
from ambience.core.errors import AmbienceError, BadInputError
from ambience.core.features import ImageId
from ambience.imaging import ImageFile, Limits
from ambience.ingest.incoming import Arrival, Prepared, prepare
from ambience.ingest.originals import Originals
from ambience.ingest.sinks import Sinks


class Changes:
    """Puts and deletes images whose change is recorded in the journal.

    Each change begins with what can be undone and ends with what can't: files first,
    then services, and finally the catalog, which removes the journal entry in the same
    transaction.

    Args:
        catalog: Knows the images.
        journal: Knows whether others have taken a change over.
        originals: Keeps our own files.
        sinks: The services that take part.
        limits: The limits for images.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        journal: Journal,
        originals: Originals,
        sinks: Sinks,
        limits: Limits,
    ) -> None:
        self.catalog = catalog
        self.originals = originals
        self.limits = limits
        self.sinks = sinks
        self._journal = journal

    def prepare(self, image: ImageFile, *, wait: bool = True) -> Prepared:
        """Decode a file once and derive everything needed from it; on any thread.

        Args:
            image: The file.
            wait: See `prepare_all`.

        Raises:
            BadInputError: If it can't be decoded.
        """
        (prepared,) = self.prepare_all([image], wait=wait)
        if isinstance(prepared, AmbienceError):
            raise prepared
        return prepared

    def prepare_all(
        self, images: Sequence[ImageFile], *, wait: bool = True
    ) -> list[Prepared | AmbienceError]:
        """Prepare files; see `ambience.ingest.incoming.prepare`.

        Args:
            images: The files.
            wait: Whether slow services get what they need now; otherwise they get it
                later, from the files.
        """
        return prepare(images, self.sinks, put_off=self._put_off(wait=wait))

    def read(
        self, data: bytes, *, limits: Limits | None = None, wait: bool = True
    ) -> ImageFile:
        """Return a file to prepare: one decode makes every size that is needed.

        Args:
            data: The whole file.
            limits: Its limits; None for those of all images.
            wait: See `prepare_all`.
        """
        limits = limits or self.limits
        sides = self.sinks.sides(put_off=self._put_off(wait=wait))
        return ImageFile(data, limits=limits, sides=sides)

    def put(
        self,
        arrivals: Sequence[Arrival],
        sources: Mapping[ImageId, str],
        known: Mapping[ImageId, ImageRecord],
        begun: Begun,
    ) -> dict[str, str]:
        """Add or replace images.

        Args:
            arrivals: The images.
            sources: The staged bytes of each image; see `JournalEntry.source`.
            known: The records that the catalog has of them so far.
            begun: The change in the journal.

        Returns:
            Why services could not take part, and what happens next, by service; empty
            if all did.

        Raises:
            TakenOverError: If others have taken the change over.
        """
        for arrival in arrivals:
            self.originals.write_thumbnail(
                arrival.prepared.sha256, arrival.prepared.thumbnail
            )
        self._journal.check(begun)  # before services are told what others might undo
        put_off = frozenset[str]().union(*(a.prepared.put_off for a in arrivals))
        extracted = {a.image_id: a.prepared.extracted for a in arrivals}
        away = self.sinks.put(
            extracted,
            put_off=put_off,
            before=self.catalog.with_features([*extracted]) if put_off else (),
        )
        records = [
            self.record(a, sources[a.image_id], known.get(a.image_id)) for a in arrivals
        ]
        for record in records:
            replaced = known.get(record.image_id)
            old = None if replaced is None else replaced.original
            # Do it now: after the journal entry is gone, nobody would know of the file.
            if old is not None and old != record.original:
                self.originals.discard(old)
        made = {record.sha256 for record in records}
        for replaced in known.values():
            if replaced.sha256 not in made:
                self._drop_thumbnail(replaced)
        self.catalog.put(records, self.sinks.reach(away, put_off=put_off), begun)
        for record in records:
            if record.original is None:
                self.originals.drop(record.image_id, sources[record.image_id])
        kept = all(arrival.path or arrival.keep for arrival in arrivals)
        return {name: _said(error, kept=kept) for name, error in away.items()}

    def record(
        self, arrival: Arrival, source: str, known: ImageRecord | None
    ) -> ImageRecord:
        """Return the new record of an image; its original is kept now."""
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

    def delete(self, begun: Begun) -> tuple[bool, Collection[str]]:
        """Delete an image; its original goes to the trash.

        Args:
            begun: The change in the journal, of one image.

        Returns:
            Whether anything knew it, and which services could not say.

        Raises:
            TakenOverError: If others have taken the change over.
        """
        (image_id,) = begun.ids
        self._journal.check(begun)
        known, away = self.sinks.remove([image_id])
        reach = self.sinks.reach(away)
        records = self.catalog.find([image_id])
        for record in records:
            trashed = None
            if record.original is not None:
                trashed = self.originals.discard(record.original)
            self._drop_thumbnail(record)
            self.catalog.delete(record, trashed=trashed, reach=reach, begun=begun)
        if not records:
            self.catalog.forget([image_id], reach, begun)
        return known or bool(records), away.keys()

    def _put_off(self, *, wait: bool) -> frozenset[str]:
        return frozenset() if wait else self.sinks.slow

    def _drop_thumbnail(self, image: ImageRecord) -> None:
        """Remove the thumbnail of an image, unless another image has the same content.

        This happens while the change is in the journal; otherwise the thumbnail would
        belong to nobody for a moment. If it is needed after all, it is made again.
        """
        same = self.catalog.with_sha256(image.sha256)
        if all(record.image_id == image.image_id for record in same):
            self.originals.remove_thumbnail(image.sha256)


def _said(error: AmbienceError, *, kept: bool) -> str:
    """Return why a service could not take an image, and what happens next."""
    if isinstance(error, BadInputError):
        return str(error)
    if kept:
        return f"{error}; it catches up when it answers again"
    return f"{error}; the image was not kept: send it again when the service answers"


def _date(modified_ns: int, now: datetime) -> datetime:
    """Return a file's date; the current one if it is out of range."""
    try:
        return datetime.fromtimestamp(modified_ns / 1e9, UTC)
    except (ValueError, OverflowError, OSError):
        return now
