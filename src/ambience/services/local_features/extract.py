"""Keypoints spread over an image, each with the descriptor of what is around it.

Keypoints are extrema of differences of Gaussians and descriptors SIFT's (Lowe,
"Distinctive Image Features from Scale-Invariant Keypoints", 2004), as square roots
(Arandjelovic and Zisserman, "Three things everyone should know to improve object
retrieval", 2012).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ambience.core.features import (
    WORKING_SIDE,
    Feature,
    FeatureSpec,
    Image,
    Metric,
    Query,
)
from ambience.core.keypoints import DESCRIPTOR_DIM, ROW, Keypoints, pack, unpack
from ambience.core.opencv import opencv
from ambience.core.orientation import Orientation

STORED = 400  # keypoints; a crop of a fifth of each side keeps 16 of them
ASKED = 1600  # a query may show the image small, among other things: with 800, one of
# twelve screenshots that show it 120 pixels wide was missed
STORED_SIDE = 512  # pixels; finer detail is in no crop that is not found without it
ASKED_SIDE = WORKING_SIDE  # what is small in a query needs all of its pixels
_SMALL = 256  # pixels of the longest side: below, keypoints are few, so it is doubled

_CONTRAST = 0.01  # Lowe's is 0.04: calm parts shall have keypoints, too
_EDGE = 10
_BLUR = 1.6
_LAYERS = 3  # an octave

_CELLS = 12  # along the longest side: each gets its share of the keypoints
_COARSE = 1 / 60  # of the longest side: this large, a keypoint outlives a thumbnail
_COARSE_SHARE = 0.15  # of the keypoints are so large, where there are enough

_ACROSS, _DOWN, _BINS = 4, 4, 8  # of a SIFT descriptor, in this order


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """Keypoints in an image as detected, before they are described.

    Attributes:
        points: OpenCV's keypoints.
        gray: The image they are in, shape ``(height, width)``, ``uint8``.
    """

    points: Sequence[Any]
    gray: NDArray[np.uint8]

    def numbers(self) -> NDArray[np.float64]:
        """Return ``x``, ``y``, diameter and angle in radians, shape ``(n, 4)``.

        In pixels of `gray`, from the outer corner of the first: OpenCV counts from the
        middle of it.
        """
        rows = [
            (p.pt[0] + 0.5, p.pt[1] + 0.5, p.size, np.radians(p.angle))
            for p in self.points
        ]
        return np.array(rows, dtype=np.float64).reshape(-1, 4)


class Describer(Protocol):
    """Turns what is around keypoints into descriptors."""

    @property
    def model(self) -> str:
        """Its name; descriptors of another one can't be compared with its own."""
        ...

    @property
    def unit(self) -> float:
        """The length of a descriptor: distances are divided by it."""
        ...

    def describe(self, found: Found) -> NDArray[np.uint8]:
        """Return one descriptor a keypoint, shape ``(n, DESCRIPTOR_DIM)``."""
        ...

    def mirrored(
        self, descriptors: NDArray[np.uint8], found: Found | None
    ) -> NDArray[np.uint8] | None:
        """Return the descriptors of the same keypoints in the mirrored image.

        Args:
            descriptors: As `describe` returned them.
            found: Where the keypoints are, if the image is still there.

        Returns:
            ``None`` where that can't be told without the image.
        """
        ...


class RootSift:
    """SIFT descriptors by the roots of their shares, in bytes.

    Their Euclidean distance orders as the Hellinger distance of the histograms.
    Rounding to bytes moves a distance by 0.13 % (rms) of that between strangers.
    """

    model = "rootsift"
    unit = 512.0  # its numbers, at most a third of that or so, fill a byte

    def describe(self, found: Found) -> NDArray[np.uint8]:
        """See `Describer.describe`."""
        _, raw = _sift().compute(found.gray, found.points)
        shares = raw / np.maximum(raw.sum(axis=1, keepdims=True), 1)
        rounded = np.minimum(np.rint(self.unit * np.sqrt(shares)), 255)
        return np.asarray(rounded, np.uint8)

    def mirrored(
        self, descriptors: NDArray[np.uint8], _: Found | None
    ) -> NDArray[np.uint8]:
        """See `Describer.mirrored`: cells change sides, directions are negated."""
        cells = descriptors.reshape(-1, _ACROSS, _DOWN, _BINS)
        negated = -np.arange(_BINS) % _BINS
        turned = cells[:, ::-1][..., negated].reshape(-1, DESCRIPTOR_DIM)
        return np.asarray(turned, np.uint8)


class LocalFeaturesExtractor:
    """Some hundred keypoints an image, spread so that any part of it keeps enough.

    Args:
        describer: Makes the descriptors.
    """

    working_side = WORKING_SIDE

    def __init__(self, describer: Describer) -> None:
        self._describer = describer
        self.spec = FeatureSpec(
            dim=ROW.itemsize,
            dtype="uint8",
            metric=Metric.L2,
            scale=describer.unit,
            model=describer.model,
        )

    def extract(self, images: Sequence[Image]) -> list[Feature]:
        """See `Extractor.extract`; the rows are `ambience.core.keypoints.ROW`."""
        return [self._feature(image) for image in images]

    def query(self, image: Image) -> Query:
        """Return the keypoints of an image as it stands, and of its mirror image."""
        parts = detect(image, side=ASKED_SIDE, count=ASKED)
        described = [self._describer.describe(found) for found in parts]
        mirrored = [
            self._describer.mirrored(descriptors, found)
            for descriptors, found in zip(described, parts, strict=True)
        ]
        upright = _keypoints(image, parts, described)
        turned = [part for part in mirrored if part is not None]
        return _query(upright, np.concatenate([_NONE, *turned]))

    def query_from(self, feature: Feature) -> Query:
        """Return the keypoints of a stored image, mirrored ones where they follow."""
        upright = unpack(feature.rows)
        mirrored = self._describer.mirrored(upright.descriptors, None)
        return _query(upright, mirrored)

    def _feature(self, image: Image) -> Feature:
        parts = detect(image, side=STORED_SIDE, count=STORED)
        described = [self._describer.describe(found) for found in parts]
        keypoints = _keypoints(image, parts, described)
        return Feature(pack(keypoints), _quality(keypoints))


def rootsift_extractor() -> LocalFeaturesExtractor:
    """Return the extractor that needs no network."""
    return LocalFeaturesExtractor(RootSift())


def detect(image: Image, *, side: int, count: int) -> list[Found]:
    """Find keypoints spread over an image.

    Args:
        image: Any size; shrunk to ``side`` if its longest side is longer. One that is
            small is looked at doubled, too, for the finest of what thumbnails keep.
        side: Pixels.
        count: How many keypoints at most, in all.

    Returns:
        Those at each size at which any were found.
    """
    gray = opencv().cvtColor(image.pixels, opencv().COLOR_RGB2GRAY)
    longest = max(gray.shape)
    sizes = [min(1.0, side / longest)]
    if longest < _SMALL:
        sizes.append(2.0)
    levels = [_resized(gray, factor) for factor in sizes]
    points = [_sift().detect(level) for level in levels]
    relative = [
        [
            (
                p.pt[0] / max(level.shape),
                p.pt[1] / max(level.shape),
                p.size / max(level.shape),
                p.response,
            )
            for p in found
        ]
        for level, found in zip(levels, points, strict=True)
    ]
    every = np.array([row for rows in relative for row in rows]).reshape(-1, 4)
    kept = set(spread(every[:, :2], every[:, 2], every[:, 3], count=count).tolist())
    chosen: list[Found] = []
    start = 0
    for level, found in zip(levels, points, strict=True):
        mine = [p for n, p in enumerate(found, start) if n in kept]
        start += len(found)
        if mine:
            chosen.append(Found(mine, level))
    return chosen


def spread(
    places: NDArray[np.float64],
    scales: NDArray[np.float64],
    responses: NDArray[np.float64],
    *,
    count: int,
) -> NDArray[np.intp]:
    """Choose keypoints so that every part of an image has its share.

    First large ones, then of any size: the strongest of each cell of a grid, then the
    second strongest of each, and so on.

    Args:
        places: ``(x, y)`` in longest sides of the image, shape ``(n, 2)``.
        scales: In longest sides, shape ``(n,)``.
        responses: How strong they are, shape ``(n,)``.
        count: How many at most.

    Returns:
        Positions of those chosen, in order.
    """
    everything = np.arange(len(places))
    if len(places) <= count:
        return everything
    large = everything[scales >= _COARSE]
    wide = _in_turn(places[large], responses[large], cells=_CELLS // 2)
    coarse = large[wide[: round(_COARSE_SHARE * count)]]
    others = np.setdiff1d(everything, coarse)
    fine = others[_in_turn(places[others], responses[others], cells=_CELLS)]
    return np.sort(np.concatenate([coarse, fine[: count - len(coarse)]]))


def _in_turn(
    places: NDArray[np.float64], responses: NDArray[np.float64], *, cells: int
) -> NDArray[np.intp]:
    """Return the order in which keypoints are taken, cell by cell in turn."""
    cell = np.floor(places * cells).astype(np.int64) @ np.array([1, cells + 1])
    by_cell = np.lexsort((-responses, cell))
    first = np.searchsorted(cell[by_cell], cell[by_cell])
    rank = np.empty(len(cell), dtype=np.int64)
    rank[by_cell] = np.arange(len(cell)) - first
    return np.lexsort((-responses, rank))


def _sift() -> Any:
    # Keypoints stand where they are in the doubled image: without that, they are half
    # a pixel off.
    return opencv().SIFT_create(
        0, _LAYERS, _CONTRAST, _EDGE, _BLUR, enable_precise_upscale=True
    )


def _resized(gray: NDArray[np.uint8], factor: float) -> NDArray[np.uint8]:
    if factor == 1:
        return gray
    size = [max(1, round(side * factor)) for side in gray.shape[::-1]]
    way = opencv().INTER_AREA if factor < 1 else opencv().INTER_CUBIC
    resized: NDArray[np.uint8] = opencv().resize(gray, size, interpolation=way)
    return resized


_NONE = np.empty((0, DESCRIPTOR_DIM), np.uint8)


def _keypoints(
    image: Image, parts: Sequence[Found], described: Sequence[NDArray[np.uint8]]
) -> Keypoints:
    """Return keypoints in pixels of the image as displayed."""
    height, width = image.size
    numbers = [np.empty((0, 4))]
    for found in parts:
        own_height, own_width = found.gray.shape
        sides = max(image.size) / max(found.gray.shape)
        factors = (width / own_width, height / own_height, sides, 1)
        numbers.append(found.numbers() * factors)
    x, y, scales, angles = np.concatenate(numbers).T
    descriptors = np.concatenate([_NONE, *described])
    return Keypoints(image.size, np.stack([x, y], 1), scales, angles, descriptors)


def _mirrored(keypoints: Keypoints, descriptors: NDArray[np.uint8]) -> Keypoints:
    """Return keypoints as they are in the mirrored image."""
    places = keypoints.places * (-1, 1) + (keypoints.size[1], 0)
    return Keypoints(
        keypoints.size, places, keypoints.scales, np.pi - keypoints.angles, descriptors
    )


def _query(upright: Keypoints, mirrored: NDArray[np.uint8] | None) -> Query:
    versions = {Orientation.UPRIGHT: upright}
    if mirrored is not None and len(mirrored) == len(upright):
        versions[Orientation.MIRRORED] = _mirrored(upright, mirrored)
    packed = {name: pack(keypoints) for name, keypoints in versions.items()}
    names = tuple(str(name) for name, rows in packed.items() for _ in rows)
    return Query(np.concatenate(list(packed.values())), names, _quality(upright))


def _quality(keypoints: Keypoints) -> float:
    """Return how much keypoints say: 1 for as many as an image may keep."""
    return min(1.0, len(keypoints) / STORED)
