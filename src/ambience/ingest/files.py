"""Looks after the files of images: whether they are there, and their thumbnails."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from ambience.catalog import Catalog, ImageRecord
from ambience.core.errors import AmbienceError
from ambience.core.features import ImageId
from ambience.imaging import ImageFile, Limits, thumbnail
from ambience.ingest.ahead import ahead
from ambience.ingest.importer import Progress
from ambience.ingest.originals import Originals
from ambience.ingest.regular_files import read_regular

_PAGE = 500  # images looked at together


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
        no_thumbnail: Whose file is there, and no thumbnail.
        remade: Of those, whose thumbnail was made again.
    """

    images: int = 0
    kept_without: int = 0
    missing: int = 0
    unmarked: int = 0
    lost: int = 0
    first_lost: ImageId | None = None
    no_thumbnail: int = 0
    remade: int = 0


class FileCheck:
    """Compares the catalog with the files; originals and users' files are only read.

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
        on_progress: Callable[[Progress], None] = lambda _: None,
    ) -> FileReport:
        """Look at the files of all images.

        Args:
            repair: Whether to mark images whose file is gone, or there again, and to
                make thumbnails; else nothing is changed.
            on_progress: Told after every image.
        """
        report, total, after = FileReport(), len(self._catalog), None
        while page := self._catalog.ids(after=after, limit=_PAGE):
            after = page[-1]
            records = self._catalog.find(page)
            if repair:
                self._mark(records)
                records = self._catalog.find(page)
            threads = os.cpu_count() or 1
            remade = ahead(
                self._remake if repair else lambda _: False,
                [record for record in records if self._wants_thumbnail(record)],
                threads=threads,
                stop=threading.Event(),
            )
            for _, future in remade:
                report.no_thumbnail += 1
                report.remade += _succeeded(future)
            for record in records:
                self._count(record, report)
                on_progress(Progress(report.images, max(total, report.images)))
        return report

    def _count(self, record: ImageRecord, report: FileReport) -> None:
        report.images += 1
        there = self._is_there(record)
        if record.path is not None:
            report.missing += not there
            report.unmarked += record.missing == there
        elif record.original is None:
            report.kept_without += 1
        elif not there:
            report.lost += 1
            report.first_lost = report.first_lost or record.image_id

    def _mark(self, records: list[ImageRecord]) -> None:
        for there in (True, False):
            wrong = [
                record.image_id
                for record in records
                if record.path is not None
                and record.missing == there
                and self._is_there(record) == there
            ]
            if wrong:
                self._catalog.mark_missing(wrong, missing=not there)

    def _wants_thumbnail(self, record: ImageRecord) -> bool:
        path = self._originals.thumbnail_path(record.sha256)
        return self._is_there(record) and not path.exists()

    def _remake(self, record: ImageRecord) -> bool:
        """Make a thumbnail; return whether the file is still what it shows."""
        file = self._originals.file_of(record) or Path()
        data = read_regular(file, limits=self._limits, follow=record.path is not None)
        image = ImageFile(data, limits=self._limits)
        if image.sha256 != record.sha256:
            return False
        self._originals.write_thumbnail(record.sha256, thumbnail(image.image))
        return True

    def _is_there(self, record: ImageRecord) -> bool:
        file = self._originals.file_of(record)
        return file is not None and os.path.exists(file)  # noqa: PTH110 -- never raises


def _succeeded(future: Future[bool]) -> bool:
    try:
        return future.result()
    except (AmbienceError, OSError):  # damaged, or gone since: told by the services
        return False
