"""Shows images of a library: thumbnails, files, and versions for screens."""

import logging
from typing import BinaryIO

from ambience.catalog import ImageRecord
from ambience.core.errors import BadInputError, CorruptDataError, NotFoundError
from ambience.imaging import ImageFile, Limits, rendition, thumbnail
from ambience.ingest import Originals
from ambience.ingest.image_files import ImageFiles

_log = logging.getLogger(__name__)


class Pictures:
    """Makes pictures of images, from their files only if those are unchanged.

    Everything raises what `ImageFiles.open` does if it needs the file.

    Args:
        originals: Knows where files are, and keeps thumbnails.
        limits: What a file may cost.
    """

    def __init__(self, originals: Originals, *, limits: Limits) -> None:
        self._originals = originals
        self._files = ImageFiles(originals, limits=limits)
        self._limits = limits

    def open(self, record: ImageRecord) -> BinaryIO:
        """Open an image's file as it is, to be closed by the caller."""
        return self._files.open(record)

    def thumbnail(self, record: ImageRecord) -> bytes:
        """Return the thumbnail as WebP; one that was lost is made again.

        Raises:
            BadInputError: If it was lost, and the file can't be decoded.
        """
        return self._originals.thumbnail(record.sha256) or self._new_thumbnail(record)

    def thumbnail_if_any(self, record: ImageRecord) -> bytes | None:
        """Return the thumbnail as WebP; None where there is nothing to make it of."""
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
        except OSError as error:  # it is shown all the same, and made again
            _log.warning("thumbnails can't be kept: %s", error)
        return data
