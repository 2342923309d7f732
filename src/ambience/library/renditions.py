"""Makes what is shown of images: thumbnails, files, and versions for screens."""

import logging
from typing import BinaryIO

from ambience.catalog import ImageRecord
from ambience.core.errors import BadInputError, CorruptDataError, NotFoundError
from ambience.imaging import ImageFile, Limits, rendition, thumbnail
from ambience.ingest import Originals
from ambience.ingest.image_files import ImageFiles

_log = logging.getLogger(__name__)


class Renditions:
    """Makes renditions of images from their files, if these are unchanged.

    Every method raises what `ImageFiles.open` raises if it needs the file.

    Args:
        originals: Knows where files are, and keeps thumbnails.
        limits: The limits for images.
    """

    def __init__(self, originals: Originals, *, limits: Limits) -> None:
        self._originals = originals
        self._files = ImageFiles(originals, limits=limits)
        self._limits = limits

    def open(self, record: ImageRecord) -> BinaryIO:
        """Open an image's file, unchanged; the caller closes it."""
        return self._files.open(record)

    def thumbnail(self, record: ImageRecord) -> bytes:
        """Return the thumbnail as WebP; a lost one is made again.

        Raises:
            BadInputError: If it is lost, and the file can't be decoded.
        """
        return self._originals.thumbnail(record.sha256) or self._new_thumbnail(record)

    def thumbnail_if_any(self, record: ImageRecord) -> bytes | None:
        """Return the thumbnail as WebP; None if it can't be made."""
        try:
            return self.thumbnail(record)
        except (NotFoundError, CorruptDataError, BadInputError):
            return None

    def rendition(self, record: ImageRecord, *, longest_side: int) -> bytes:
        """See `ambience.imaging.rendition`."""
        data = self._files.read(record)
        return rendition(data, longest_side=longest_side, limits=self._limits)

    def _new_thumbnail(self, record: ImageRecord) -> bytes:
        file = ImageFile(self._files.read(record), limits=self._limits)
        data = thumbnail(file.image)
        try:
            self._originals.write_thumbnail(record.sha256, data)
        except OSError as error:  # show it anyway; it is made again next time
            _log.warning("thumbnails can't be saved: %s", error)
        return data
