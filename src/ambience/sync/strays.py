"""Finds files of ours that belong to no image, and adds such originals again.

They are left when the catalog is lost, or replaced by an older copy: the originals of
images that it does not know.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from ambience.catalog import Catalog, ImageRecord, Journal, LoneImages
from ambience.core.errors import AmbienceError, BusyError
from ambience.core.features import ImageId
from ambience.ingest.import_report import Failure, Progress
from ambience.ingest.incoming import Arrival
from ambience.ingest.originals import image_id_in
from ambience.ingest.regular_files import read_regular
from ambience.ingest.writer import Writer

_PAGE = 500  # originals looked up at once


@dataclass(slots=True)
class StrayReport:
    """The files that belong to no image.

    Attributes:
        originals: Originals of no image, before anything was done about them.
        first: The file of the first one, relative to ``originals/``.
        adopted: Those that were added again under their own id.
        renumbered: Those that were added again under a new id, because another image
            has theirs or it was deleted.
        trashed: Those that moved to the trash, because an image has the same content.
        refused: Those that stay where they are, and why.
        staging: Files that a dead process was writing.
        thumbnails: Thumbnails of no image.
        removed: Those of the thumbnails that were removed.
    """

    originals: int = 0
    first: str | None = None
    adopted: int = 0
    renumbered: int = 0
    trashed: int = 0
    refused: list[Failure] = field(default_factory=list)
    staging: int = 0
    thumbnails: int = 0
    removed: int = 0

    @property
    def wrong(self) -> int:
        """How many problems there are."""
        done = self.adopted + self.renumbered + self.trashed
        return self.originals - done + self.staging + self.thumbnails - self.removed


class Strays:
    """Looks for such files; files of a change under way are not strays.

    Args:
        writer: Adds originals again, like uploads.
        lone_images: Knows which ids are used at one service alone.
        journal: Knows whether anybody is changing images.
    """

    def __init__(
        self, writer: Writer, lone_images: LoneImages, journal: Journal
    ) -> None:
        self._writer = writer
        self._catalog: Catalog = writer.catalog
        self._originals = writer.originals
        self._lone_images = lone_images
        self._journal = journal

    def run(
        self,
        *,
        repair: bool,
        on_progress: Callable[[Progress], None] = lambda _: None,
    ) -> StrayReport:
        """Look for strays.

        Args:
            repair: Whether to add originals again, and to remove thumbnails.
            on_progress: Called after every original.
        """
        report = StrayReport()
        found = list(self._stray_originals())
        for done, original in enumerate(found, 1):
            report.originals += 1
            report.first = report.first or original
            if repair:
                self._deal_with(original, report)
                on_progress(Progress(done, len(found)))
        for sha256, path in list(self._stray_thumbnails()):
            report.thumbnails += 1
            if repair and self._is_nobodys(sha256):
                path.unlink(missing_ok=True)
                report.removed += 1
        staged = self._originals.all_staged()
        if not self._journal.others_live() and self._journal.is_empty():
            report.staging = len(staged)
        return report

    def _stray_originals(self) -> Iterator[str]:
        """Iterate over originals that belong to no image, and to no change under way.

        The file itself is checked last: whoever put it there was changing its image at
        the time, and then a record had it or it was gone.
        """
        kept = iter(self._originals.all_kept())
        while page := list(islice(kept, _PAGE)):
            ids = {one: image_id_in(one.rpartition("/")[2]) for one in page}
            named = [image_id for image_id in ids.values() if image_id is not None]
            changing = self._catalog.changing(named)
            known = {record.original for record in self._catalog.find(named)}
            for original, image_id in ids.items():
                if image_id is None or (
                    image_id not in changing
                    and original not in known
                    and self._originals.path(original).exists()
                ):
                    yield original

    def _deal_with(self, original: str, report: StrayReport) -> None:
        """Add a stray original again, or record why that failed."""
        path = self._originals.path(original)
        try:
            data = read_regular(path, limits=self._writer.limits, follow=False)
            same = self._catalog.with_sha256(hashlib.sha256(data).digest())
            bereft = next((one for one in same if self._lacks_file(one)), None)
            if same and bereft is None:
                self._originals.discard(original)
                report.trashed += 1
                return
            own = image_id_in(path.name) if bereft is None else bereft.image_id
            prepared = self._writer.prepare(self._writer.read(data))
            kept = own is not None and (bereft is not None or self._is_free(own))
            image_id = own if kept and own is not None else self._fresh_id()
            self._writer.put(
                [
                    Arrival(
                        image_id,
                        prepared,
                        modified_ns=path.stat().st_mtime_ns,
                        upload=data,
                        keep=True,
                        is_new=bereft is None,
                    )
                ]
            )
        except BusyError:  # somebody has just put an image there
            report.refused.append(Failure(path, "another process is changing it"))
        except (AmbienceError, OSError) as error:
            report.refused.append(Failure(path, str(error)))
        else:
            path.unlink(missing_ok=True)  # the content has a new file now
            report.adopted += kept
            report.renumbered += not kept

    def _lacks_file(self, record: ImageRecord) -> bool:
        """Whether an image has lost its original."""
        original = record.original
        return original is not None and not self._originals.path(original).exists()

    def _is_free(self, image_id: ImageId) -> bool:
        """Whether an image may have its id back: it is not in use, and not deleted.

        A service must not lose what it was given alone under this id.
        """
        return not (
            self._catalog.find([image_id])
            or self._catalog.is_in_trash(image_id)
            or self._lone_images.among([image_id])
        )

    def _fresh_id(self) -> ImageId:
        (image_id,) = self._catalog.reserve_ids(1)
        return image_id

    def _stray_thumbnails(self) -> Iterator[tuple[bytes, Path]]:
        for sha256, path in self._originals.all_thumbnails():
            if self._is_nobodys(sha256) and path.exists():
                yield sha256, path

    def _is_nobodys(self, sha256: bytes) -> bool:
        """Whether no image has this content, or is about to have it.

        In this order: whoever makes a thumbnail has a journal entry until a record has
        the content.
        """
        return self._journal.is_empty() and not self._catalog.with_sha256(sha256)
