"""Finds out whether files with other bytes hold exactly the same pixels."""

import numpy as np

from ambience.catalog import Catalog, ImageRecord
from ambience.core.errors import BadInputError
from ambience.core.features import ImageId
from ambience.core.matches import Answer
from ambience.core.orientation import Orientation
from ambience.imaging import ImageFile, full_pixels
from ambience.ingest import Originals

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
        originals: Knows where their files are.
    """

    def __init__(self, catalog: Catalog, originals: Originals) -> None:
        self._catalog = catalog
        self._originals = originals

    def equal(self, image: ImageFile, near: Answer) -> list[ImageId]:
        """Return the images with the pixels of the query.

        Args:
            image: The query.
            near: What the perceptual hash found; only its nearest are compared.
        """
        height, width = image.info.size
        if height * width > 1e6 * _MAX_MEGAPIXELS:
            return []
        ids = [
            match.image_id
            for match in near.matches
            if match.distance <= _NEAR
            and match.details["orientation"] == Orientation.UPRIGHT
        ]
        candidates = [
            record
            for record in self._catalog.find(ids)
            if record.size == (height, width) and record.sha256 != image.sha256
        ][:_CANDIDATES]
        if not candidates:
            return []
        pixels = full_pixels(image.data, limits=image.limits)
        return [r.image_id for r in candidates if self._holds(r, pixels, image)]

    def _holds(self, record: ImageRecord, pixels: np.ndarray, image: ImageFile) -> bool:
        file = self._originals.file_of(record)
        if file is None:
            return False
        try:
            stored = full_pixels(file.read_bytes(), limits=image.limits)
        except (OSError, BadInputError):  # gone or changed: there is no proof
            return False
        return np.array_equal(stored, pixels)
