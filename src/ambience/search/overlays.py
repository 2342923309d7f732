"""Compares a query with its likely copies by laying one image over the other."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

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
        closer: Returns more pixels, to compare what is small in them; ``None`` if there
            are no more.
    """

    image: Image
    corner: tuple[int, int] = (0, 0)
    closer: Callable[[], Image] | None = None


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
        """Compare the images that may be copies.

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
        if best is None and query.closer is not None:
            try:
                larger = replace(query, image=query.closer())
            except UnavailableError as error:
                return {"unchecked": f"it can't be looked at closer now: {error}"}
            best = best_overlay(larger, image, match.evidence)
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
    placed = _placed(query, evidence)
    best = _likeliest(query, image, placed)
    if placed and best is None:  # it is small in the query, so it isn't all of it
        return None
    if best is not None and _score(best) >= _EVEN:
        return best
    turned = _likeliest(query, image, _turned(query, image, evidence))
    return max(filter(None, (best, turned)), key=_score, default=None)


_Laid: TypeAlias = tuple[Overlay, Matrix]


def _likeliest(
    query: OverlayQuery, image: Image, transforms: Sequence[Matrix]
) -> _Laid | None:
    """Return the first overlay that shows one picture, or else the likeliest."""
    best: _Laid | None = None
    for transform in transforms:
        found = overlay(query.image, image, transform)
        if found is not None:
            laid = found, transform
            best = laid if best is None else max(best, laid, key=_score)
        if best is not None and _score(best) >= _EVEN:
            break
    return best


def _score(laid: _Laid) -> float:
    return same_picture(laid[0].measure)


def _placed(query: OverlayQuery, evidence: Measures) -> list[Matrix]:
    """Return how a query may lie on an image, according to where keypoints fit."""
    return [
        np.array(measured["transform"], np.float64) @ shift(*query.corner)
        for measured in evidence.values()
        # The transform of a likely coincidence means nothing.
        if "transform" in measured and measured["distance"] < _EVEN
    ]


def _turned(query: OverlayQuery, image: Image, evidence: Measures) -> list[Matrix]:
    """Return how a query may lie on an image, if it shows all of it."""
    return [
        oriented(Orientation(measured["orientation"]), query.image.size, image.size)
        for measured in evidence.values()
        if "orientation" in measured
    ]


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
