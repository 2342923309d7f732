"""Checks the files of images: whether they exist and are intact, and thumbnails."""

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

_PAGE = 500  # images checked together
_LOOKS = 20  # at an image that keeps changing, before it is left for the next check
_PAUSE_S = 0.05  # between two looks: putting an image takes less
_AT_ONCE = 2**20  # bytes of a file in memory


@dataclass(slots=True)
class FileReport:
    """The state of the files, as numbers of images.

    Attributes:
        images: All images.
        kept_without: Only their features were kept, as the caller wished.
        missing: Their file, one of the user's, is gone.
        unmarked: The catalog is wrong about whether their file is missing.
        lost: Their original, our own copy, is gone.
        first_lost: The first of those.
        in_trash: Those of the lost whose original is in the trash.
        restored: Their original was restored from the trash.
        damaged: Their original has changed, or can't be read.
        first_damaged: The first of those.
        changed: Their file, one of the user's, has changed, but its size and date have
            not.
        first_changed: The first of those.
        unreadable: Their file, one of the user's, can't be opened.
        first_unreadable: The first of those.
        read: Their file was read completely.
        no_thumbnail: Their file exists, but no thumbnail does.
        bad_thumbnail: Their thumbnail is damaged.
        remade: Their thumbnail was made again.
        busy: They kept changing; nothing is known about these.
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
        """How many problems there are."""
        thumbnails = self.no_thumbnail + self.bad_thumbnail - self.remade
        bytes_ = self.lost + self.damaged + self.changed + self.unreadable
        return self.unmarked + bytes_ + thumbnails


@dataclass(frozen=True, slots=True)
class _Look:
    """The state of an image's files.

    Attributes:
        there: Whether its own file exists, as far as can be determined.
        readable: Whether that can be opened.
        intact: Whether its bytes are unchanged, as far as they were read.
        has_thumbnail: Whether there is a thumbnail.
        good_thumbnail: Whether the thumbnail is intact.
    """

    there: bool
    readable: bool = True
    intact: bool = True
    has_thumbnail: bool = True
    good_thumbnail: bool = True


class FileCheck:
    """Compares the catalog with the files; originals and users' files are only read.

    An image may change after its record is read and before its file is looked at. So
    whatever looks wrong is looked at again. It counts only if the record is the same
    before and after, and nobody is changing the image.

    Args:
        catalog: Knows the images.
        originals: Knows the files.
        limits: The limits for images.
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
        """Check the files of all images.

        Args:
            repair: Whether to record which images' files are missing or exist again, to
                restore originals from the trash, and to make thumbnails; otherwise
                nothing is changed.
            read: The images whose files are read completely.
            on_progress: Called after every image.
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
        """Return an image while nobody is changing it, and the state of its files."""
        for _ in range(_LOOKS):
            before = self._catalog.find([image_id])
            if not before:
                return None
            look = self._look(before[0], read=image_id in read)
            # In this order: a change that ends in between would show in the record.
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
        """Whether a file is unchanged; the user may have changed theirs knowingly."""
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
        """Make thumbnails; return how many succeeded."""
        made = bounded_map(
            self._remake,
            records,
            threads=os.cpu_count() or 1,
            stop=threading.Event(),
        )
        return sum(_succeeded(future) for _, future in made)

    def _remake(self, record: ImageRecord) -> bool:
        """Make a thumbnail; return whether the file still has the right content."""
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
    """Whether anything is wrong with an image's files."""
    if record.path is None and record.original is None:
        return False
    marked = record.path is not None and record.missing
    sound = look.readable and look.intact and look.good_thumbnail
    return not (look.there != marked and sound)


def _state(file: Path) -> tuple[bool, bool]:
    """Return whether a file exists, as far as we can tell, and whether it opens."""
    try:
        open_regular(file).close()
    except OSError as error:
        return not says_gone(error), False
    return True, True


def _succeeded(future: Future[bool]) -> bool:
    try:
        return future.result()
    except (AmbienceError, OSError):  # damaged or gone by now: services report it
        return False
