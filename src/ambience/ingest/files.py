"""Looks after the files of images: whether they are there and whole, and thumbnails."""

import hashlib
import os
import threading
from collections.abc import Callable, Container, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from ambience.catalog import Catalog, ImageRecord
from ambience.core.errors import AmbienceError
from ambience.core.features import ImageId
from ambience.imaging import ImageFile, Limits, thumbnail
from ambience.ingest.bounded_map import bounded_map
from ambience.ingest.folders import says_gone
from ambience.ingest.import_report import Progress
from ambience.ingest.originals import Originals
from ambience.ingest.regular_files import open_regular, read_regular

_PAGE = 500  # images looked at together
_LOOKS = 20  # at what is being changed all the time, before it is left for next time
_PAUSE_S = 0.05  # between two of them: an image is put in less
_AT_ONCE = 2**20  # bytes of a file in memory


@dataclass(slots=True)
class FileReport:
    """What became of the files, in numbers of images.

    Attributes:
        images: All that there are.
        kept_without: Of which only features were kept, as the caller wished.
        missing: Whose file, one of the user's, is not there.
        unmarked: Of which the catalog says otherwise: that it is there, or is not.
        lost: Whose original, our own copy, is not there.
        first_lost: One of those.
        in_trash: Of the lost, those whose original lies in the trash.
        restored: Whose original was brought back from the trash.
        damaged: Whose original has other bytes than it had, or can't be read.
        first_damaged: One of those.
        changed: Whose file, one of the user's, has other bytes than it had, and the
            same size and date.
        first_changed: One of those.
        unreadable: Whose file, one of the user's, may not be opened.
        first_unreadable: One of those.
        read: Whose file was read from end to end.
        no_thumbnail: Whose file is there, and no thumbnail.
        bad_thumbnail: Whose thumbnail is damaged.
        remade: Of those, whose thumbnail was made again.
        busy: That were being changed all the time; nothing is said of those.
    """

    images: int = 0
    kept_without: int = 0
    missing: int = 0
    unmarked: int = 0
    lost: int = 0
    first_lost: ImageId | None = None
    in_trash: int = 0
    restored: int = 0
    damaged: int = 0
    first_damaged: ImageId | None = None
    changed: int = 0
    first_changed: ImageId | None = None
    unreadable: int = 0
    first_unreadable: ImageId | None = None
    read: int = 0
    no_thumbnail: int = 0
    bad_thumbnail: int = 0
    remade: int = 0
    busy: int = 0

    @property
    def wrong(self) -> int:
        """How much there is that should not be so."""
        thumbnails = self.no_thumbnail + self.bad_thumbnail - self.remade
        bytes_ = self.lost + self.damaged + self.changed + self.unreadable
        return self.unmarked + bytes_ + thumbnails


@dataclass(frozen=True, slots=True)
class _Look:
    """How the files of an image were found.

    Attributes:
        there: Its own file is, as far as one can tell.
        readable: It can be opened.
        intact: Its bytes are what they were, as far as they were read.
        has_thumbnail: There is one.
        good_thumbnail: It is one, or there is none.
    """

    there: bool
    readable: bool = True
    intact: bool = True
    has_thumbnail: bool = True
    good_thumbnail: bool = True


class FileCheck:
    """Compares the catalog with the files; originals and users' files are only read.

    An image may be changed between reading its record and looking for its file. So
    whatever looks wrong is looked at again: it counts only if the record is the same
    before and after, and nobody is at work on the image.

    Args:
        catalog: Knows the images.
        originals: Knows the files.
        limits: What an image may cost.
    """

    def __init__(
        self, catalog: Catalog, originals: Originals, *, limits: Limits
    ) -> None:
        self._catalog = catalog
        self._originals = originals
        self._limits = limits

    def run(
        self,
        *,
        repair: bool,
        read: Container[ImageId] = frozenset(),
        on_progress: Callable[[Progress], None] = lambda _: None,
    ) -> FileReport:
        """Look at the files of all images.

        Args:
            repair: Whether to mark images whose file is gone, or there again, to bring
                originals back from the trash, and to make thumbnails; else nothing is
                changed.
            read: Which images' files to read from end to end.
            on_progress: Told after every image.
        """
        report, total, after = FileReport(), len(self._catalog), None
        while page := self._catalog.ids(after=after, limit=_PAGE):
            after = page[-1]
            looks = bounded_map(
                lambda record: self._look(record, read=record.image_id in read),
                self._catalog.find(page),
                threads=os.cpu_count() or 1,
                stop=threading.Event(),
            )
            without: list[ImageRecord] = []
            for record, future in looks:
                found: tuple[ImageRecord, _Look] | None = record, future.result()
                if _is_wrong(record, future.result()):
                    found = self._confirmed(record.image_id, report, read=read)
                if found is not None:
                    self._count(*found, report, repair=repair)
                    report.read += record.image_id in read and found[1].there
                    if found[1].there and not found[1].good_thumbnail:
                        without.append(found[0])
                on_progress(Progress(report.images, max(total, report.images)))
            if repair:
                report.remade += self._remake_all(without)
        return report

    def _confirmed(
        self, image_id: ImageId, report: FileReport, *, read: Container[ImageId]
    ) -> tuple[ImageRecord, _Look] | None:
        """Return an image as nobody is changing it, and how its files are then."""
        for _ in range(_LOOKS):
            before = self._catalog.find([image_id])
            if not before:
                return None
            look = self._look(before[0], read=image_id in read)
            # In this order: a change that ends in between shows in the record.
            changing = self._catalog.is_changing(image_id)
            if not changing and self._catalog.find([image_id]) == before:
                return before[0], look
            threading.Event().wait(_PAUSE_S)
        report.images += 1
        report.busy += 1
        return None

    def _look(self, record: ImageRecord, *, read: bool) -> _Look:
        file = self._originals.file_of(record)
        there, readable = (False, False) if file is None else _state(file)
        if file is None or not there:
            return _Look(there=False)
        shown = self._originals.thumbnail_path(record.sha256)
        return _Look(
            there=True,
            readable=readable,
            intact=not (read and readable) or self._is_intact(record, file),
            has_thumbnail=shown.exists(),
            good_thumbnail=self._is_thumbnail(record.sha256, decode=read),
        )

    def _is_intact(self, record: ImageRecord, file: Path) -> bool:
        """Whether a file has the bytes that it had; the user may change theirs."""
        try:
            with open_regular(file) as opened:
                found = os.fstat(opened.fileno())
                now = (found.st_size, found.st_mtime_ns)
                known = (record.byte_count, record.modified_ns)
                if record.path is not None and now != known:
                    return True
                digest = hashlib.sha256()
                while part := opened.read(_AT_ONCE):
                    digest.update(part)
        except OSError:
            return False
        return digest.digest() == record.sha256

    def _is_thumbnail(self, sha256: bytes, *, decode: bool) -> bool:
        data = self._originals.thumbnail(sha256)
        if data is None:
            return False
        try:
            if decode:
                _ = ImageFile(data, limits=self._limits).image
        except AmbienceError:
            return False
        return True

    def _count(
        self, record: ImageRecord, look: _Look, report: FileReport, *, repair: bool
    ) -> None:
        report.images += 1
        if record.path is not None:
            report.missing += not look.there
            if record.missing == look.there:
                if repair:
                    self._catalog.mark_file(record, missing=not look.there)
                report.unmarked += not repair
            if not look.readable:
                report.unreadable += 1
                report.first_unreadable = _first(report.first_unreadable, record)
            if not look.intact:
                report.changed += 1
                report.first_changed = _first(report.first_changed, record)
        elif record.original is None:
            report.kept_without += 1
        elif not look.there:
            self._count_lost(record, record.original, report, repair=repair)
        elif not look.intact or not look.readable:
            report.damaged += 1
            report.first_damaged = _first(report.first_damaged, record)
        report.no_thumbnail += look.there and not look.has_thumbnail
        report.bad_thumbnail += look.has_thumbnail and not look.good_thumbnail

    def _count_lost(
        self, record: ImageRecord, original: str, report: FileReport, *, repair: bool
    ) -> None:
        trashed = self._originals.in_trash(original)
        if trashed is not None and self._is_intact(record, trashed):
            if repair:
                self._originals.restore(original, trashed)
                report.restored += 1
                return
            report.in_trash += 1
        report.lost += 1
        report.first_lost = _first(report.first_lost, record)

    def _remake_all(self, records: Sequence[ImageRecord]) -> int:
        """Make thumbnails; return how many could be made."""
        made = bounded_map(
            self._remake,
            records,
            threads=os.cpu_count() or 1,
            stop=threading.Event(),
        )
        return sum(_succeeded(future) for _, future in made)

    def _remake(self, record: ImageRecord) -> bool:
        """Make a thumbnail; return whether the file is still what it shows."""
        file = self._originals.file_of(record) or Path()
        data = read_regular(file, limits=self._limits, follow=record.path is not None)
        image = ImageFile(data, limits=self._limits)
        if image.sha256 != record.sha256:
            return False
        self._originals.write_thumbnail(record.sha256, thumbnail(image.image))
        if not self._catalog.with_sha256(record.sha256):  # deleted meanwhile
            self._originals.remove_thumbnail(record.sha256)
        return True


def _first(known: ImageId | None, record: ImageRecord) -> ImageId:
    return record.image_id if known is None else known


def _is_wrong(record: ImageRecord, look: _Look) -> bool:
    """Whether anything about an image's files is not as it should be."""
    if record.path is None and record.original is None:
        return False
    marked = record.path is not None and record.missing
    sound = look.readable and look.intact and look.good_thumbnail
    return not (look.there != marked and sound)


def _state(file: Path) -> tuple[bool, bool]:
    """Return whether a file is there, as far as one can tell, and can be opened."""
    try:
        open_regular(file).close()
    except OSError as error:
        return not says_gone(error), False
    return True, True


def _succeeded(future: Future[bool]) -> bool:
    try:
        return future.result()
    except (AmbienceError, OSError):  # damaged, or gone since: told by the services
        return False
