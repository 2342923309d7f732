"""Finds out whether files with other bytes hold exactly the same pixels."""

from collections.abc import Sequence

import numpy as np

from ambience.catalog import Catalog, ImageRecord
from ambience.core.errors import BadInputError, CorruptDataError, NotFoundError
from ambience.core.features import ImageId
from ambience.core.geometry import Size
from ambience.core.matches import Answer
from ambience.core.orientation import Orientation
from ambience.imaging import ImageFile, Limits, full_pixels
from ambience.ingest.image_files import ImageFiles

# Equal pixels hash alike, but for a scaled decode of one and not of the other.
_NEAR = 16
# Comparing decodes both files in full: done for the nearest few, which is where
# equal ones are.
_CANDIDATES = 3
_MAX_MEGAPIXELS = 64  # two of them decoded take 512 MB: larger ones are not compared


class PixelComparison:
    """Compares a query with stored images, pixel by pixel.

    Args:
        catalog: Knows their sizes.
        files: Reads their files.
        limits: What decoding one of those may cost.
    """

    def __init__(self, catalog: Catalog, files: ImageFiles, *, limits: Limits) -> None:
        self._catalog = catalog
        self._files = files
        self._limits = limits

    def equal(self, image: ImageFile, near: Answer) -> list[ImageId]:
        """Return the images with the pixels of the query.

        Args:
            image: The query.
            near: What the perceptual hash found; only its nearest are compared.
        """
        candidates = self._candidates(image.info.size, image.sha256, near)
        if not candidates:
            return []
        pixels = full_pixels(image.data, limits=image.limits)
        return self._holding(pixels, candidates)

    def equal_to_known(self, image: ImageRecord, near: Answer) -> list[ImageId]:
        """Return the other images with the pixels of a known one.

        Args:
            image: The known one; without its file, nothing is compared.
            near: What the perceptual hash found; only its nearest are compared.
        """
        candidates = self._candidates(image.size, image.sha256, near)
        pixels = self._pixels(image) if candidates else None
        return [] if pixels is None else self._holding(pixels, candidates)

    def _candidates(self, size: Size, sha256: bytes, near: Answer) -> list[ImageRecord]:
        """Return the few images that may have the same pixels in another file."""
        if size[0] * size[1] > 1e6 * _MAX_MEGAPIXELS:
            return []
        ids = [
            match.image_id
            for match in near.matches
            if match.distance <= _NEAR
            and match.details["orientation"] == Orientation.UPRIGHT
        ]
        return [
            record
            for record in self._catalog.find(ids)
            if record.size == size and record.sha256 != sha256
        ][:_CANDIDATES]

    def _holding(
        self, pixels: np.ndarray, candidates: Sequence[ImageRecord]
    ) -> list[ImageId]:
        stored = ((record, self._pixels(record)) for record in candidates)
        return [
            record.image_id
            for record, own in stored
            if own is not None and np.array_equal(own, pixels)
        ]

    def _pixels(self, record: ImageRecord) -> np.ndarray | None:
        """Return what an image's file holds, ``None`` where there is no proof of it."""
        try:
            return full_pixels(self._files.read(record), limits=self._limits)
        except (NotFoundError, CorruptDataError, BadInputError):  # gone or changed
            return None
