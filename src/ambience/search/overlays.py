"""Looks at the pixels of what may be a copy, and says what is seen."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ambience.catalog import Catalog, ImageRecord
from ambience.core.errors import (
    BadInputError,
    CorruptDataError,
    NotFoundError,
    UnavailableError,
)
from ambience.core.features import Image, ImageId
from ambience.core.geometry import Matrix, oriented, shift
from ambience.core.matches import FusedMatch
from ambience.core.orientation import Orientation
from ambience.fusion import FILE, OVERLAY, PIXELS, Measured, Measures
from ambience.imaging import ImageFile, Limits
from ambience.ingest.image_files import ImageFiles
from ambience.overlay import Overlay, overlay, same_picture

_AT_LEAST = 8  # images are looked at, however long it takes
_AT_MOST = 32  # more are claimed only where a library is full of one layout
_TIME_S = 1.0  # as long as that may take, each of them some 30 ms
_EVEN = 0.5

# It can't be read, or has changed: its features may still be right.
_NOT_READ = (NotFoundError, CorruptDataError, BadInputError, UnavailableError)


@dataclass(frozen=True, slots=True, eq=False)
class LookedAt:
    """A query at working size.

    Attributes:
        image: Its pixels.
        corner: Where it was cut out of a larger image, ``(x, y)``: what services say of
            places is said in pixels of that one.
    """

    image: Image
    corner: tuple[int, int] = (0, 0)


class Overlays:
    """Lays stored images over queries.

    Args:
        catalog: Knows the images.
        files: Reads their files.
        limits: What decoding one may cost.
    """

    def __init__(self, catalog: Catalog, files: ImageFiles, *, limits: Limits) -> None:
        self._catalog = catalog
        self._files = files
        self._limits = limits

    def of(
        self, query: LookedAt, matches: Sequence[FusedMatch]
    ) -> dict[ImageId, Measures]:
        """Return what is seen of the images that are claimed to be copies.

        Args:
            query: What was searched with.
            matches: Best first. Those that are no copies, or surely are, are left out.

        Returns:
            `OVERLAY` by image: `Overlay.details` with the ``transform`` by which the
            query was laid on it, or why it was not looked at, as ``unchecked``.
        """
        claimed = [
            match
            for match in matches
            if match.relation.is_copy and match.by not in {FILE, PIXELS}
        ]
        ids = [match.image_id for match in claimed]
        records = {record.image_id: record for record in self._catalog.find(ids)}
        end = time.monotonic() + _TIME_S
        seen: dict[ImageId, Measures] = {}
        for place, match in enumerate(claimed):
            if place >= _AT_MOST or (place >= _AT_LEAST and time.monotonic() > end):
                told: Measured = {"unchecked": "others were more likely"}
            else:
                told = self._seen(query, records.get(match.image_id), match)
            seen[match.image_id] = {OVERLAY: told}
        return seen

    def image(self, record: ImageRecord | None) -> Image | None:
        """Return a stored image at working size; ``None`` if its file can't be read."""
        if record is None:
            return None
        try:
            return ImageFile(self._files.read(record), limits=self._limits).image
        except _NOT_READ:
            return None

    def _seen(
        self, query: LookedAt, record: ImageRecord | None, match: FusedMatch
    ) -> Measured:
        image = self.image(record)
        if image is None:
            return {"unchecked": "the file of the image is not here"}
        if query.image.alpha is not None or image.alpha is not None:
            return {"unchecked": "one is transparent: what is behind it is anything"}
        best: Overlay | None = None
        laid = np.eye(3)
        for transform in _laid(query, image, match.evidence):
            found = overlay(query.image, image, transform)
            if found is not None and (best is None or _sure(found) > _sure(best)):
                best, laid = found, transform
            if best is not None and _sure(best) >= _EVEN:
                break
        if best is None:
            return {"unchecked": "there is too little to compare"}
        return _on_whole(best.details(), laid, query.corner)


def _sure(found: Overlay) -> float:
    return same_picture(found.measure)


def _laid(query: LookedAt, image: Image, evidence: Measures) -> Iterator[Matrix]:
    """Yield how a query may lie on an image, by what services measured."""
    for measured in evidence.values():
        # What is more likely a coincidence says nothing of places.
        if "transform" in measured and measured["distance"] < _EVEN:
            yield np.array(measured["transform"], np.float64) @ shift(*query.corner)
    for measured in evidence.values():
        if "orientation" in measured:
            turned = Orientation(measured["orientation"])
            yield oriented(turned, query.image.size, image.size)


def _on_whole(
    told: Mapping[str, Any], laid: Matrix, corner: tuple[int, int]
) -> Measured:
    """Return what is seen in pixels of the image that a query was cut out of."""
    x, y = corner
    seen = told["map"]
    return {
        **told,
        "transform": (laid @ shift(-x, -y)).tolist(),
        "regions": [_moved(box, x, y) for box in told["regions"]],
        "map": {**seen, "box": _moved(seen["box"], x, y)},
    }


def _moved(box: Sequence[float], x: int, y: int) -> list[float]:
    left, top, width, height = box
    return [left + x, top + y, width, height]
