"""Compares a query with its likely copies by laying one image over the other."""

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

_AT_LEAST = 8  # images that are compared however long it takes
_AT_MOST = 32  # more are only claimed in a library full of one layout
_TIME_S = 1.0  # the time limit between these two; an image takes about 30 ms
_EVEN = 0.5  # as likely as not

# The file can't be read, or has changed; its features may still be right.
_UNREADABLE = (NotFoundError, CorruptDataError, BadInputError, UnavailableError)


@dataclass(frozen=True, slots=True, eq=False)
class OverlayQuery:
    """A query at working size.

    Attributes:
        image: The pixels.
        corner: Where it was cut out of a larger image, ``(x, y)``. Services give places
            in pixels of that image.
    """

    image: Image
    corner: tuple[int, int] = (0, 0)


class Overlays:
    """Lays stored images over queries.

    Args:
        catalog: The images of the library.
        files: Reads their files.
        limits: The limits for decoding one.
    """

    def __init__(self, catalog: Catalog, files: ImageFiles, *, limits: Limits) -> None:
        self._catalog = catalog
        self._files = files
        self._limits = limits

    def of(
        self, query: OverlayQuery, matches: Sequence[FusedMatch]
    ) -> dict[ImageId, Measures]:
        """Compare the images that are claimed to be copies.

        Args:
            query: What was searched with.
            matches: Best first. Only uncertain copies are compared: not those proven
                by their bytes or pixels.

        Returns:
            For each of these images, under `OVERLAY`: `Overlay.details` with the
            ``transform`` that laid the query on the image, or the reason why it was not
            compared, as ``unchecked``.
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
            if place < _AT_LEAST or (place < _AT_MOST and time.monotonic() <= end):
                details = self._seen(query, records.get(match.image_id), match)
            else:
                details = {"unchecked": "only the likeliest matches are compared"}
            seen[match.image_id] = {OVERLAY: details}
        return seen

    def image(self, record: ImageRecord | None) -> Image | None:
        """Return a stored image at working size; ``None`` if its file can't be read."""
        if record is None:
            return None
        try:
            return ImageFile(self._files.read(record), limits=self._limits).image
        except _UNREADABLE:
            return None

    def _seen(
        self, query: OverlayQuery, record: ImageRecord | None, match: FusedMatch
    ) -> Measured:
        image = self.image(record)
        if image is None:
            return {"unchecked": "the file of the image can't be read"}
        if query.image.alpha is not None or image.alpha is not None:
            return {"unchecked": "an image is transparent: its background is unknown"}
        best = best_overlay(query, image, match.evidence)
        if best is None:
            return {"unchecked": "there is too little to compare"}
        found, laid = best
        return _on_whole(found.details(), laid, query.corner)


def best_overlay(
    query: OverlayQuery, image: Image, evidence: Measures
) -> tuple[Overlay, Matrix] | None:
    """Lay an image over a query in each way that services measured.

    Args:
        query: What was searched with.
        image: A stored image, at working size.
        evidence: What services measured of it, by their names.

    Returns:
        The first overlay that shows one picture, or else the likeliest, and the
        transform by which it was laid; ``None`` if there is too little to compare.
    """
    best: tuple[Overlay, Matrix] | None = None
    for transform in _transforms(query, image, evidence):
        found = overlay(query.image, image, transform)
        if found is not None and (best is None or _score(found) > _score(best[0])):
            best = found, transform
        if best is not None and _score(best[0]) >= _EVEN:
            break
    return best


def _score(found: Overlay) -> float:
    return same_picture(found.measure)


def _transforms(
    query: OverlayQuery, image: Image, evidence: Measures
) -> Iterator[Matrix]:
    """Yield how a query may lie on an image, according to what services measured."""
    for measured in evidence.values():
        # The transform of a likely coincidence means nothing.
        if "transform" in measured and measured["distance"] < _EVEN:
            yield np.array(measured["transform"], np.float64) @ shift(*query.corner)
    for measured in evidence.values():
        if "orientation" in measured:
            turned = Orientation(measured["orientation"])
            yield oriented(turned, query.image.size, image.size)


def _on_whole(
    details: Mapping[str, Any], laid: Matrix, corner: tuple[int, int]
) -> Measured:
    """Return details in pixels of the image that a query was cut out of."""
    x, y = corner
    cells, inset = details["map"], details["inset"]
    return {
        **details,
        "transform": (laid @ shift(-x, -y)).tolist(),
        "inset": inset and {**inset, "box": _moved(inset["box"], x, y)},
        "regions": [_moved(box, x, y) for box in details["regions"]],
        "map": {**cells, "box": _moved(cells["box"], x, y)},
    }


def _moved(box: Sequence[float], x: int, y: int) -> list[float]:
    left, top, width, height = box
    return [left + x, top + y, width, height]
