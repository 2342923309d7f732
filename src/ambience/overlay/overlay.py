"""Lays one image over another, and describes where they agree and differ."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ambience.core.features import Image
from ambience.core.geometry import Matrix, Points, mapped
from ambience.core.opencv import opencv
from ambience.overlay.agreement import Agreement, Cells, agreement
from ambience.overlay.alignment import AlignedPair, aligned
from ambience.overlay.displacement import displaced
from ambience.overlay.equalizing import Floats
from ambience.overlay.flatness import flatness
from ambience.overlay.inset import inset
from ambience.overlay.verdict import OverlayMeasure, likeness, same_picture

_FEWEST = 6  # telling cells; with fewer, the comparison says nothing
_OF_A_REGION = 4  # neighboring cells that differ; JPEG alone causes fewer
_REGIONS = 12  # only the largest are returned
_MANY = 12  # places that differ; more are not more telling

_AGREES, _DIFFERS, _UNSURE, _BLANK, _OUTSIDE = "=x?. "


@dataclass(frozen=True, slots=True, eq=False)
class Overlay:
    """Where a query and an image agree and differ.

    Attributes:
        measure: The totals; if there is an inset, of the inset alone.
        compared: The number of telling cells: those in which an image has more than
            noise.
        agrees: The share of these cells that agree.
        differs: The share of these cells that differ.
        blank: The share of the common area in which both images are blank.
        regions: Boxes around the regions that differ, ``(x, y, width, height)`` in
            pixels of the query, the largest first.
        cells: One string per row of cells: ``=`` agrees, ``x`` differs, ``?`` is
            undecided, ``.`` is blank, and a space is outside of an image.
        box: Where these cells are in the query, ``(x, y, width, height)``: whole cells,
            the last of which may reach beyond the common area.
        inset: If the query shows the image among other things, a box around this part
            of it, ``(x, y, width, height)`` in pixels of the query.
    """

    measure: OverlayMeasure
    compared: int
    agrees: float
    differs: float
    blank: float
    regions: tuple[tuple[float, ...], ...]
    cells: tuple[str, ...]
    box: tuple[float, ...]
    inset: tuple[float, ...] | None

    def details(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        relation = likeness(self.measure)
        return {
            "same_picture": same_picture(self.measure),
            "otherwise": None if relation is None else str(relation),
            "compared": self.compared,
            "agrees": round(self.agrees, 4),
            "differs": round(self.differs, 4),
            "blank": round(self.blank, 4),
            "moved": round(self.measure.moved, 4),
            "inset": self._inset(),
            "regions": [list(box) for box in self.regions],
            "map": {"box": list(self.box), "cells": list(self.cells)},
        }

    def _inset(self) -> dict[str, Any] | None:
        if self.inset is None:
            return None
        return {"box": list(self.inset), "agrees": round(self.measure.agrees, 4)}


def overlay(query: Image, image: Image, transform: Matrix) -> Overlay | None:
    """Lay an image over a query and compare them.

    Args:
        query: At a working size.
        image: At a working size.
        transform: Maps pixels of the query to pixels of the image, both as displayed.

    Returns:
        ``None`` if there is too little to compare.
    """
    laid = aligned(query, image, transform)
    if laid is None:
        return None
    seen = agreement(laid)
    telling = int(seen.telling.sum())
    if telling < _FEWEST:
        return None
    flat_in = [flatness(one, seen) for one in (laid.query, laid.image)]
    flat = np.maximum(*flat_in)
    # JPEG makes photographs flat, but not the images they were made from.
    elsewhere, moved = displaced(laid, seen, np.minimum(*flat_in))
    shown = inset(seen, flat)
    rows, columns = seen.common.shape
    return Overlay(
        measure=_measure(
            seen if shown is None else seen.within(shown), flat, elsewhere, moved
        ),
        compared=telling,
        agrees=_share(seen.agrees, telling),
        differs=_share(seen.differs, telling),
        blank=1 - telling / int(seen.common.sum()),
        regions=_regions(laid, seen),
        cells=_map(seen),
        box=_of_query(laid, seen.cell * np.array([(0, 0), (columns, rows)])),
        inset=None if shown is None else _around(laid, seen.cell, shown),
    )


def _measure(
    seen: Agreement, flat: Floats, elsewhere: float, moved: float
) -> OverlayMeasure:
    telling = int(seen.telling.sum())
    solid = seen.agrees & ~_dilated(seen.differs)
    flat_where_same = _mean(flat, seen.agrees)
    places, _ = _connected(seen.differs)
    return OverlayMeasure(
        agrees=_share(seen.agrees, telling),
        differs=_share(seen.differs, telling),
        solid=_share(solid, telling),
        flat=flat_where_same,
        flat_where_different=_mean(flat, seen.differs),
        elsewhere=elsewhere,
        moved=moved,
        scattered=flat_where_same * min(1.0, math.log1p(places) / math.log1p(_MANY)),
    )


def _share(cells: Cells, of: int) -> float:
    return int(cells.sum()) / of


def _mean(flat: Floats, cells: Cells) -> float:
    return float(flat[cells].mean()) if cells.any() else 1.0


def _dilated(cells: Cells) -> Cells:
    """Return these cells and all their neighbors."""
    cv2: Any = opencv()
    around = np.ones((3, 3), np.uint8)
    return np.asarray(cv2.dilate(cells.astype(np.uint8), around) > 0)


def _regions(laid: AlignedPair, seen: Agreement) -> tuple[tuple[float, ...], ...]:
    """Return boxes around the largest groups of neighboring cells that differ."""
    places, labels = _connected(seen.differs)
    counts = np.bincount(labels[seen.differs], minlength=places + 1)
    order = np.argsort(-counts, kind="stable")
    boxes = []
    for label in order[:_REGIONS].tolist():
        if counts[label] < _OF_A_REGION:
            break
        boxes.append(_around(laid, seen.cell, labels == label))
    return tuple(boxes)


def _connected(cells: Cells) -> tuple[int, NDArray[np.int32]]:
    """Return the number of groups of neighboring cells, and each cell's, from 1 on."""
    cv2: Any = opencv()
    labels, of = cv2.connectedComponents(cells.astype(np.uint8), connectivity=8)
    return labels - 1, of


def _around(laid: AlignedPair, cell: int, cells: Cells) -> tuple[float, ...]:
    """Return a box around cells in pixels of the query, as displayed."""
    rows, columns = np.nonzero(cells)
    first = np.array([columns.min(), rows.min()])
    end = np.array([columns.max(), rows.max()]) + 1
    height, width = laid.query.shape
    corners = np.stack([first, end]) * cell
    return _of_query(laid, np.minimum(corners, (width, height)))


def _of_query(laid: AlignedPair, corners: Points) -> tuple[float, ...]:
    (left, top), (right, bottom) = mapped(laid.placed, corners).tolist()
    box = left, top, right - left, bottom - top
    return tuple(round(side, 1) for side in box)


def _map(seen: Agreement) -> tuple[str, ...]:
    cells = np.full(seen.common.shape, _OUTSIDE)
    cells[seen.common] = _BLANK
    cells[seen.telling] = _UNSURE
    cells[seen.agrees] = _AGREES
    cells[seen.differs] = _DIFFERS
    return tuple("".join(row) for row in cells.tolist())
