"""Keypoints spread over an image, each with a descriptor of its surroundings.

Keypoints are extrema of differences of Gaussians, with SIFT descriptors (Lowe,
"Distinctive Image Features from Scale-Invariant Keypoints", 2004) as square roots
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
from ambience.core.geometry import extent
from ambience.core.keypoints import DESCRIPTOR_DIM, ROW, Keypoints, pack, unpack
from ambience.core.opencv import opencv
from ambience.core.orientation import Orientation

STORED_KEYPOINTS = 400  # a crop of a fifth of each side keeps 16 of them
# A query may show the image small among other things: with 800 keypoints, one of twelve
# screenshots that show the image 120 pixels wide was missed.
QUERY_KEYPOINTS = 1600  # at the usual working size, and more in a closer look
STORED_SIDE = 512  # pixels; more detail finds no further crops
_SMALL = 256  # pixels: smaller images are also searched at twice their size

_CONTRAST = 0.01  # Lowe uses 0.04, which leaves smooth areas without keypoints
_EDGE = 10  # Lowe, section 4.1
_BLUR = 1.6  # Lowe, section 3.3
_LAYERS = 3  # per octave; Lowe, section 3.2

_CELLS = 12  # along the extent; keypoints are distributed among the cells
_COARSE = 1 / 60  # of the extent: keypoints this large survive in a thumbnail
_MANY_CELLS = 1 << 20  # more than there are cells in a row
_COARSE_SHARE = 0.15  # of the keypoints are this large, if there are enough

_ACROSS, _DOWN, _BINS = 4, 4, 8  # axes of a SIFT descriptor, in this order


@dataclass(frozen=True, slots=True, eq=False)
class DetectedKeypoints:
    """Keypoints detected in an image, without descriptors.

    Attributes:
        points: The keypoints, as OpenCV's objects.
        gray: The image, shape ``(height, width)``, ``uint8``.
    """

    points: Sequence[Any]
    gray: NDArray[np.uint8]

    def numbers(self) -> NDArray[np.float64]:
        """Return ``x``, ``y``, diameter and angle in radians, shape ``(n, 4)``.

        Places are in pixels of `gray` from the outer corner of the first pixel; OpenCV
        counts from its center.
        """
        rows = [
            (p.pt[0] + 0.5, p.pt[1] + 0.5, p.size, np.radians(p.angle))
            for p in self.points
        ]
        return np.array(rows, dtype=np.float64).reshape(-1, 4)


class Describer(Protocol):
    """Computes the descriptors of keypoints."""

    @property
    def model(self) -> str:
        """Its name; descriptors of different models can't be compared."""
        ...

    @property
    def unit(self) -> float:
        """The length of a descriptor, by which distances are divided."""
        ...

    def describe(self, found: DetectedKeypoints) -> NDArray[np.uint8]:
        """Return one descriptor per keypoint, shape ``(n, DESCRIPTOR_DIM)``."""
        ...

    def mirrored(
        self, descriptors: NDArray[np.uint8], found: DetectedKeypoints | None
    ) -> NDArray[np.uint8] | None:
        """Return the descriptors of the same keypoints in the mirrored image.

        Args:
            descriptors: What `describe` returned.
            found: The keypoints and their image; ``None`` for a stored image.

        Returns:
            ``None`` if they can't be computed without the image.
        """
        ...


class RootSift:
    """Square roots of normalized SIFT descriptors, as bytes.

    Their Euclidean distance orders them like the Hellinger distance of the histograms.
    Rounding to bytes changes distances by 0.13 % (rms) of that between unrelated ones.
    """

    model = "rootsift"
    unit = 512.0  # the largest values, about a third of it, then make use of a byte

    def describe(self, found: DetectedKeypoints) -> NDArray[np.uint8]:
        """See `Describer.describe`."""
        _, raw = _sift().compute(found.gray, found.points)
        shares = raw / np.maximum(raw.sum(axis=1, keepdims=True), 1)
        rounded = np.minimum(np.rint(self.unit * np.sqrt(shares)), 255)
        return np.asarray(rounded, np.uint8)

    def mirrored(
        self, descriptors: NDArray[np.uint8], _: DetectedKeypoints | None
    ) -> NDArray[np.uint8]:
        """See `Describer.mirrored`: cells swap sides, and directions are negated."""
        cells = descriptors.reshape(-1, _ACROSS, _DOWN, _BINS)
        negated = -np.arange(_BINS) % _BINS
        turned = cells[:, ::-1][..., negated].reshape(-1, DESCRIPTOR_DIM)
        return np.asarray(turned, np.uint8)


class LocalFeaturesExtractor:
    """Hundreds of keypoints per image, spread so that every part of it has enough.

    Args:
        describer: Computes the descriptors.
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
        """Return the keypoints of an image and of its mirror image.

        Small things in a query need all of its pixels. In a larger image, there are as
        many more keypoints.
        """
        side = extent(image.pixels.shape[:2])
        count = round(QUERY_KEYPOINTS * max(1.0, side / WORKING_SIDE) ** 2)
        parts = detect(image, side=side, count=count)
        described = [self._describer.describe(found) for found in parts]
        mirrored = [
            self._describer.mirrored(descriptors, found)
            for descriptors, found in zip(described, parts, strict=True)
        ]
        upright = _keypoints(image, parts, described)
        turned = [part for part in mirrored if part is not None]
        return _query(upright, np.concatenate([_NONE, *turned]))

    def query_from(self, feature: Feature) -> Query:
        """Return the keypoints of a stored image, and the mirrored ones if possible."""
        upright = unpack(feature.rows)
        mirrored = self._describer.mirrored(upright.descriptors, None)
        return _query(upright, mirrored)

    def _feature(self, image: Image) -> Feature:
        height, width = image.size
        strip = max(height, width) / extent((height, width))  # 1 if it is none
        count = round(STORED_KEYPOINTS * strip)
        parts = detect(image, side=STORED_SIDE, count=count)
        described = [self._describer.describe(found) for found in parts]
        keypoints = _keypoints(image, parts, described)
        return Feature(pack(keypoints), _quality(keypoints))


def rootsift_extractor() -> LocalFeaturesExtractor:
    """Return the extractor that needs no weights."""
    return LocalFeaturesExtractor(RootSift())


def detect(image: Image, *, side: float, count: int) -> list[DetectedKeypoints]:
    """Find keypoints spread over an image.

    Args:
        image: Any size. If its extent is above ``side``, it is shrunk. If it is small,
            keypoints are also detected at twice its size, for finer detail.
        side: In pixels.
        count: The largest number of keypoints in total.

    Returns:
        The keypoints at each size where any were found.
    """
    gray = opencv().cvtColor(image.pixels, opencv().COLOR_RGB2GRAY)
    sizes = [min(1.0, side / extent(gray.shape))]
    if max(gray.shape) < _SMALL:
        sizes.append(2.0)
    levels = [_resized(gray, factor) for factor in sizes]
    points = [_sift().detect(level) for level in levels]
    relative = [
        [
            (
                p.pt[0] / extent(level.shape),
                p.pt[1] / extent(level.shape),
                p.size / extent(level.shape),
                p.response,
            )
            for p in found
        ]
        for level, found in zip(levels, points, strict=True)
    ]
    every = np.array([row for rows in relative for row in rows]).reshape(-1, 4)
    kept = set(spread(every[:, :2], every[:, 2], every[:, 3], count=count).tolist())
    chosen: list[DetectedKeypoints] = []
    start = 0
    for level, found in zip(levels, points, strict=True):
        mine = [p for n, p in enumerate(found, start) if n in kept]
        start += len(found)
        if mine:
            chosen.append(DetectedKeypoints(mine, level))
    return chosen


def spread(
    places: NDArray[np.float64],
    scales: NDArray[np.float64],
    responses: NDArray[np.float64],
    *,
    count: int,
) -> NDArray[np.intp]:
    """Choose keypoints so that every part of an image gets some.

    Large keypoints are chosen first, then keypoints of any size: the strongest in each
    cell of a grid, then the second strongest in each cell, and so on.

    Args:
        places: ``(x, y)`` divided by the extent of the image, shape ``(n, 2)``.
        scales: Diameters divided by the extent, shape ``(n,)``.
        responses: Strengths, shape ``(n,)``.
        count: The largest number to choose.

    Returns:
        Positions of the chosen keypoints, ascending.
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
    """Return positions of keypoints, taking one from each cell in turn."""
    cell = np.floor(places * cells).astype(np.int64) @ np.array([1, _MANY_CELLS])
    by_cell = np.lexsort((-responses, cell))
    first = np.searchsorted(cell[by_cell], cell[by_cell])
    rank = np.empty(len(cell), dtype=np.int64)
    rank[by_cell] = np.arange(len(cell)) - first
    return np.lexsort((-responses, rank))


def _sift() -> Any:
    # OpenCV doubles the image first; without precise upscaling, places are half a pixel
    # off.
    return opencv().SIFT_create(
        0, _LAYERS, _CONTRAST, _EDGE, _BLUR, enable_precise_upscale=True
    )


def _resized(gray: NDArray[np.uint8], factor: float) -> NDArray[np.uint8]:
    if factor == 1:
        return gray
    size = [max(1, round(side * factor)) for side in gray.shape[::-1]]
    method = opencv().INTER_AREA if factor < 1 else opencv().INTER_CUBIC
    resized: NDArray[np.uint8] = opencv().resize(gray, size, interpolation=method)
    return resized


_NONE = np.empty((0, DESCRIPTOR_DIM), np.uint8)


def _keypoints(
    image: Image,
    parts: Sequence[DetectedKeypoints],
    described: Sequence[NDArray[np.uint8]],
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
    """Return the keypoints of the mirrored image."""
    places = keypoints.places * (-1, 1) + (keypoints.size[1], 0)
    return Keypoints(
        keypoints.size, places, keypoints.scales, np.pi - keypoints.angles, descriptors
    )


def _query(upright: Keypoints, mirrored: NDArray[np.uint8] | None) -> Query:
    variants = {Orientation.UPRIGHT: upright}
    if mirrored is not None and len(mirrored) == len(upright):
        variants[Orientation.MIRRORED] = _mirrored(upright, mirrored)
    packed = {name: pack(keypoints) for name, keypoints in variants.items()}
    names = tuple(str(name) for name, rows in packed.items() for _ in rows)
    return Query(np.concatenate(list(packed.values())), names, _quality(upright))


def _quality(keypoints: Keypoints) -> float:
    """Return the share of the keypoints an image can store, 0 to 1."""
    return min(1.0, len(keypoints) / STORED_KEYPOINTS)
