"""A 576-bit perceptual hash: which low frequencies of an image are above the median.

The bits are taken from the 24 x 24 lowest frequencies of the DCT-II of the whole gray
image, as in Zauner, "Implementation and Benchmarking of Perceptual Image Hash
Functions", 2010, chapter 3.2.1. They are a product with 24 cosine rows a side, so the
image is neither shrunk to a square first nor transformed in full.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ambience.core.features import (
    WORKING_SIDE,
    Feature,
    FeatureSpec,
    Image,
    Metric,
    Query,
    Rows,
)
from ambience.core.orientation import Orientation

SIDE = 24  # frequencies kept along each side: 576 bits
BITS = SIDE * SIDE

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601
_WHITE = _OPAQUE = 255

# Photographs, drawings and pages of text have 0.7 and more; skies, gradients and
# blank pages 0.15 and less, and their hashes differ at random when recompressed.
MIN_QUALITY = 0.3

# Coefficients are scaled as those of an orthonormal DCT of a 96 x 96 image would be,
# whatever the image's size, so that one number says what is noise.
_REFERENCE_SIDE = 96
_NOISE = 2.0  # standard deviation that JPEG at quality 30 adds to a coefficient
_HAIR = 0.01  # float rounding stays below it: exact zeros hash alike everywhere

# Multiplications in one matrix product. OpenBLAS spreads larger ones over threads that
# then spin for 25 ms each: more than the whole hash takes, and from other images' time.
_PRODUCT = 2**18
_LANES = 16  # columns that its kernels take together

# A transparent image is hashed on these gray backgrounds; a coefficient is linear in
# the background, so any other one is at most 32 levels from a stored one.
_BACKGROUNDS = (255, 191, 127, 64, 0)
_TELLING = (
    0.5  # of the best quality: white artwork on white is noise, on black it is not
)

N = TypeVar("N", np.float32, np.int8)
Coefficients = NDArray[np.float32]  # (SIDE, SIDE), row: vertical frequency

# Mirroring an axis negates its odd frequencies.
_SIGN = np.where(np.arange(SIDE) % 2, -1, 1).astype(np.int8)
_ACROSS = np.broadcast_to(_SIGN[None, :], (SIDE, SIDE))
_DOWN = np.broadcast_to(_SIGN[:, None], (SIDE, SIDE))

# Each turn as signs, and whether rows and columns change places afterwards.
_TURNS: dict[Orientation, tuple[NDArray[np.int8], bool]] = {
    Orientation.UPRIGHT: (np.ones((SIDE, SIDE), np.int8), False),
    Orientation.MIRRORED: (_ACROSS, False),
    Orientation.FLIPPED: (_DOWN, False),
    Orientation.ROTATED_180: (_ACROSS * _DOWN, False),
    Orientation.TRANSPOSED: (np.ones((SIDE, SIDE), np.int8), True),
    Orientation.ROTATED_90: (_DOWN, True),
    Orientation.ROTATED_270: (_ACROSS, True),
    Orientation.TRANSVERSED: (_ACROSS * _DOWN, True),
}


class PHashExtractor:
    """One 72-byte hash per image, compared by differing bits."""

    spec = FeatureSpec(dim=BITS // 8, dtype="uint8", metric=Metric.HAMMING)
    working_side = WORKING_SIDE

    def extract(self, images: Sequence[Image]) -> list[Feature]:
        """See `Extractor.extract`."""
        return [_feature(on_backgrounds(image)) for image in images]

    def query(self, image: Image) -> Query:
        """Return the hashes of all eight turned and mirrored versions of an image.

        Of a transparent one, those on each background that `telling` keeps.
        """
        hashes: list[Rows] = []
        names: list[str] = []
        coefficients, best = telling(on_backgrounds(image))
        for orientation in Orientation:
            turned = [turn(c, orientation) for c in coefficients]
            hashes += [hash_bits(c) for c in turned]
            names += [orientation] * len(turned)
        return Query(np.stack(hashes), tuple(names), best)

    def query_from(self, feature: Feature) -> Query:
        """Return the hashes of all eight versions of a stored one.

        The signs of the coefficients are all that is left of the image; turning them
        instead misses only the bits between zero and the median.
        """
        hashes = [feature.rows, *self.turned(feature.rows)]
        names = [str(o) for o in Orientation for _ in feature.rows]
        return Query(np.concatenate(hashes), tuple(names), feature.quality)

    def turned(self, rows: Rows) -> Iterator[Rows]:
        """See `Turning.turned`; in the order of `Orientation`, upright left out."""
        signs = np.unpackbits(rows, axis=1).reshape(-1, SIDE, SIDE).astype(np.int8)
        signs = 2 * signs - 1
        for orientation in list(Orientation)[1:]:
            turned = turn(signs, orientation).reshape(-1, BITS)
            yield np.packbits(turned > 0, axis=1)


def on_backgrounds(image: Image) -> list[Coefficients]:
    """Return an image's coefficients: one array, or one a background if transparent."""
    on_white = low_frequencies(image.pixels @ _LUMA)
    if image.alpha is None:
        return [on_white]
    see_through = low_frequencies(1 - image.alpha.astype(np.float32) / _OPAQUE)
    return [on_white - (_WHITE - level) * see_through for level in _BACKGROUNDS]


def telling(coefficients: Sequence[Coefficients]) -> tuple[list[Coefficients], float]:
    """Return those of an image's backgrounds that show it, and the best quality.

    On the others most of it can't be seen: their hashes would be noise.
    """
    qualities = [quality(c) for c in coefficients]
    best = max(qualities)
    seen = zip(coefficients, qualities, strict=True)
    return [c for c, own in seen if own >= _TELLING * best], best


def low_frequencies(gray: NDArray[np.floating[Any]]) -> Coefficients:
    """Return the lowest DCT-II coefficients of a gray image.

    Args:
        gray: Shape ``(height, width)``, any size.

    Returns:
        Shape ``(SIDE, SIDE)``. Frequencies that an image is too small to have are zero.
    """
    height, width = gray.shape
    down = _product(_cosines(height), gray.astype(np.float32, copy=False))
    return _product(_cosines(width), down.T).T


def hash_bits(coefficients: Coefficients) -> Rows:
    """Pack which coefficients are above their median, shape ``(72,)``, ``uint8``."""
    return np.packbits(coefficients.ravel() > np.median(coefficients) + _HAIR)


def turn(coefficients: NDArray[N], orientation: Orientation) -> NDArray[N]:
    """Return the coefficients of images turned so, without transforming them.

    Args:
        coefficients: Shape ``(..., SIDE, SIDE)``; or only their signs.
        orientation: What is done to the images.
    """
    signs, transposed = _TURNS[orientation]
    signed = coefficients * signs
    return np.asarray(signed.swapaxes(-1, -2) if transposed else signed)


def quality(coefficients: Coefficients) -> float:
    """Return the share of bits that a strong recompression would leave alone, 0 to 1.

    Photographs reach 0.9 and more, a blank page 0, a clear sky about 0.1: there, the
    bits are noise, and such hashes prove nothing.
    """
    return float(np.mean(np.abs(coefficients - np.median(coefficients)) > _NOISE))


def _feature(coefficients: Sequence[Coefficients]) -> Feature:
    kept, best = telling(coefficients)
    hashes = np.stack([hash_bits(c) for c in kept])
    if len(hashes) > 1:  # a transparent image; sorting takes as long as hashing
        hashes = np.unique(hashes, axis=0)
    return Feature(hashes, best)


def _product(
    rows: NDArray[np.float32], matrix: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return ``rows @ matrix``, taken in parts of at most `_PRODUCT`."""
    columns = max(1, _PRODUCT // max(1, rows.size) // _LANES) * _LANES
    product = np.empty((len(rows), matrix.shape[1]), np.float32)
    for start in range(0, matrix.shape[1], columns):
        part = slice(start, start + columns)
        product[:, part] = rows @ matrix[:, part]
    return product


@lru_cache(maxsize=2048)  # a few MB: working sizes are at most 640 a side
def _cosines(length: int) -> NDArray[np.float32]:
    """Return the first rows of the DCT-II of a side, shape ``(SIDE, length)``."""
    frequency = np.arange(SIDE)[:, None]
    place = np.arange(length)[None, :]
    rows = np.cos(np.pi * frequency * (2 * place + 1) / (2 * length))
    rows *= np.sqrt(2 * _REFERENCE_SIDE) / length
    rows[0] /= np.sqrt(2)
    rows[length:] = 0
    return rows.astype(np.float32)
