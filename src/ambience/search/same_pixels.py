"""Finds images with exactly the same pixels as the query, in different files."""

from collections.abc import Mapping, Sequence

import numpy as np

from ambience.catalog import Catalog, ImageRecord
from ambience.core.errors import BadInputError, CorruptDataError, NotFoundError
from ambience.core.features import ImageId
from ambience.core.geometry import Size
from ambience.core.matches import Answer, Relation
from ambience.fusion import Evidence
from ambience.imaging import ImageFile, Limits, full_pixels
from ambience.ingest.image_files import ImageFiles

# Comparing decodes both files in full, so only the nearest few are compared; equal ones
# are among them.
_CANDIDATES = 3
_MAX_MEGAPIXELS = 64  # two images of this size take 512 MB; larger are not compared


def candidates(
    answers: Mapping[str, Answer], evidence: Mapping[str, Evidence]
) -> list[ImageId]:
    """Return the images that may have the pixels of the query: near and not turned.

    Args:
        answers: The answers by service name.
        evidence: What the services declare, by name.
    """
    near: dict[ImageId, None] = {}  # in order, each once
    for name, answer in answers.items():
        own = evidence.get(name)
        if own is None or own.same_pixels_within is None:
            continue
        for match in answer.matches:
            measured = {"distance": match.distance, **match.details}
            if (
                match.distance <= own.same_pixels_within
                and own.relation(measured) is Relation.RE_ENCODED
            ):
                near[match.image_id] = None
    return list(near)


class PixelComparison:
    """Compares a query with stored images, pixel by pixel.

    Args:
        catalog: The images of the library.
        files: Reads their files.
        limits: The limits for decoding one.
    """

    def __init__(self, catalog: Catalog, files: ImageFiles, *, limits: Limits) -> None:
        self._catalog = catalog
        self._files = files
        self._limits = limits

    def equal(self, image: ImageFile, near: Sequence[ImageId]) -> list[ImageId]:
        """Return the images with the same pixels as the query.

        Args:
            image: The query.
            near: See `candidates`; only the first few are compared.
        """
        records = self._candidates(image.info.size, image.sha256, near)
        if not records:
            return []
        pixels = full_pixels(image.data, limits=image.limits)
        return self._with_pixels(pixels, records)

    def equal_to_known(
        self, image: ImageRecord, near: Sequence[ImageId]
    ) -> list[ImageId]:
        """Return the other images with the same pixels as an image of the library.

        Args:
            image: The image; if its file can't be read, nothing is compared.
            near: See `candidates`; only the first few are compared.
        """
        records = self._candidates(image.size, image.sha256, near)
        pixels = self._pixels(image) if records else None
        return [] if pixels is None else self._with_pixels(pixels, records)

    def _candidates(
        self, size: Size, sha256: bytes, near: Sequence[ImageId]
    ) -> list[ImageRecord]:
        """Return the few images that may have the same pixels in another file."""
        if size[0] * size[1] > 1e6 * _MAX_MEGAPIXELS:
            return []
        return [
            record
            for record in self._catalog.find(near)
            if record.size == size and record.sha256 != sha256
        ][:_CANDIDATES]

    def _with_pixels(
        self, pixels: np.ndarray, records: Sequence[ImageRecord]
    ) -> list[ImageId]:
        stored = ((record, self._pixels(record)) for record in records)
        return [
            record.image_id
            for record, own in stored
            if own is not None and np.array_equal(own, pixels)
        ]

    def _pixels(self, record: ImageRecord) -> np.ndarray | None:
        """Return the pixels of an image; ``None`` if its file can't be read."""
        try:
            return full_pixels(self._files.read(record), limits=self._limits)
        except (NotFoundError, CorruptDataError, BadInputError):  # gone or changed
            return None
