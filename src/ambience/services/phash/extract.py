"""A 576-bit perceptual hash: the low frequencies of an image above their median.

The bits are taken from the 24 x 24 lowest frequencies of the DCT-II of the whole gray
image, as in Zauner, "Implementation and Benchmarking of Perceptual Image Hash
Functions", 2010, chapter 3.2.1. They are computed as a product with 24 cosine rows per
side, so the image is neither resized to a square nor transformed in full.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

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

# Photographs, drawings and pages of text have at least 0.7. Skies, gradients and blank
# pages have at most 0.15, and their hashes change at random when they are recompressed.
MIN_QUALITY = 0.3

# Coefficients are scaled like those of an orthonormal DCT of a 96 x 96 image, whatever
# the image's size, so that one threshold for noise fits all.
_REFERENCE_SIDE = 96
_NOISE = 2.0  # standard deviation of the noise in a coefficient of JPEG quality 30
_HAIR = 0.01  # above float rounding errors, so that exact zeros always hash alike

# Multiplications in one matrix product. OpenBLAS runs larger ones in threads, which
# then spin for 25 ms each: longer than a hash takes, and at other images' expense.
_PRODUCT = 2**18
_LANES = 16  # columns that its kernels process together

# A transparent image is hashed on canvases of these gray levels. A coefficient is
# linear in the level, and any canvas is at most 32 levels from one of these.
_CANVASES = (255, 191, 127, 64, 0)
_TELLING = 0.5  # of the best quality: white artwork is noise on white, but not on black

Coefficients = NDArray[np.float32]  # (SIDE, SIDE), row: vertical frequency

# Mirroring along an axis negates its odd frequencies.
_SIGN = np.where(np.arange(SIDE) % 2, -1, 1).astype(np.int8)
_ACROSS = np.broadcast_to(_SIGN[None, :], (SIDE, SIDE))
_DOWN = np.broadcast_to(_SIGN[:, None], (SIDE, SIDE))

# Each orientation as signs, and whether rows and columns are then swapped.
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

# For each turn, in the order of `Orientation`: which coefficient comes to each place,
# and with which sign.
_PLACES = np.stack(
    [
        np.arange(BITS).reshape(SIDE, SIDE).swapaxes(0, int(swaps)).ravel()
        for _, swaps in (_TURNS[orientation] for orientation in Orientation)
    ]
)
_SIGNS = np.stack(
    [
        _TURNS[orientation][0].ravel()[places]
        for orientation, places in zip(Orientation, _PLACES, strict=True)
    ]
)
_FLIPS = (_SIGNS < 0).view(np.uint8)


class PHashExtractor:
    """One 72-byte hash per image, compared by the number of differing bits."""

    spec = FeatureSpec(dim=BITS // 8, dtype="uint8", metric=Metric.HAMMING)
    working_side = WORKING_SIDE

    def extract(self, images: Sequence[Image]) -> list[Feature]:
        """See `Extractor.extract`."""
        return [_feature(on_canvases(image)) for image in images]

    def query(self, image: Image) -> Query:
        """Return the hashes of an image in all eight orientations.

        A transparent image is hashed on each canvas that `telling` keeps.
        """
        coefficients, best = telling(on_canvases(image))
        turned = in_all_turns(np.stack(coefficients))
        bits = turned > np.median(turned, axis=-1, keepdims=True) + _HAIR
        return _query(bits, best)

    def query_from(self, feature: Feature) -> Query:
        """Return the hashes of a stored image in all eight orientations.

        Only the signs of the coefficients were stored. Turning the signs gets only the
        bits between zero and the median wrong.
        """
        bits = np.unpackbits(feature.rows, axis=1)[:, _PLACES] ^ _FLIPS
        return _query(bits, feature.quality)

    def turned(self, rows: Rows) -> Iterator[Rows]:
        """See `Turning.turned`; in the order of `Orientation`, without upright."""
        # For many rows, this is faster than `_PLACES`.
        bits = np.unpackbits(rows, axis=1).reshape(-1, SIDE, SIDE)
        for orientation in list(Orientation)[1:]:
            signs, transposed = _TURNS[orientation]
            turned = bits ^ (signs < 0)
            turned = turned.swapaxes(1, 2) if transposed else turned
            yield np.packbits(turned.reshape(-1, BITS), axis=1)


def _query(bits: NDArray[Any], quality: float) -> Query:
    """Return what to search with.

    Args:
        bits: Of each version of an image in each turn, shape ``(n, 8, BITS)``.
        quality: See `Query`.
    """
    hashes = np.packbits(bits.swapaxes(0, 1), axis=-1).reshape(-1, BITS // 8)
    names = tuple(str(o) for o in Orientation for _ in bits)
    return Query(hashes, names, quality)


def on_canvases(image: Image) -> list[Coefficients]:
    """Return an image's coefficients: one array, or one per canvas if transparent."""
    on_white = low_frequencies(image.pixels @ _LUMA)
    if image.alpha is None:
        return [on_white]
    see_through = low_frequencies(1 - image.alpha.astype(np.float32) / _OPAQUE)
    return [on_white - (_WHITE - level) * see_through for level in _CANVASES]


def telling(coefficients: Sequence[Coefficients]) -> tuple[list[Coefficients], float]:
    """Return the coefficients on canvases that show the image, and the best quality.

    On the other canvases it is mostly invisible, and their hashes would be noise.
    """
    qualities = [quality(c) for c in coefficients]
    best = max(qualities)
    rated = zip(coefficients, qualities, strict=True)
    return [c for c, own in rated if own >= _TELLING * best], best


def low_frequencies(gray: NDArray[np.floating[Any]]) -> Coefficients:
    """Return the lowest DCT-II coefficients of a gray image.

    Args:
        gray: Shape ``(height, width)``, any size.

    Returns:
        Shape ``(SIDE, SIDE)``. Frequencies that a small image does not have are zero.
    """
    height, width = gray.shape
    down = _product(_cosines(height), gray.astype(np.float32, copy=False))
    return _product(_cosines(width), down.T).T


def hash_bits(coefficients: Coefficients) -> Rows:
    """Pack one bit per coefficient: above the median or not; ``(72,)``, ``uint8``."""
    return np.packbits(coefficients.ravel() > np.median(coefficients) + _HAIR)


def in_all_turns(coefficients: Coefficients) -> Coefficients:
    """Return the coefficients of turned images, given those of the upright images.

    Args:
        coefficients: Shape ``(n, SIDE, SIDE)``.

    Returns:
        Shape ``(n, 8, BITS)``, in the order of `Orientation`.
    """
    turned: Coefficients = coefficients.reshape(-1, BITS)[:, _PLACES] * _SIGNS
    return turned


def quality(coefficients: Coefficients) -> float:
    """Return the share of bits that survive strong recompression, 0 to 1.

    Photographs have at least 0.9, a clear sky about 0.1, a blank page 0. Hashes of low
    quality are noise and prove nothing.
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
    """Return ``rows @ matrix``, computed in parts of at most `_PRODUCT`."""
    columns = max(1, _PRODUCT // max(1, rows.size) // _LANES) * _LANES
    product = np.empty((len(rows), matrix.shape[1]), np.float32)
    for start in range(0, matrix.shape[1], columns):
        part = slice(start, start + columns)
        product[:, part] = rows @ matrix[:, part]
    return product


def _cosines(length: int) -> NDArray[np.float32]:
    """Return the first rows of the DCT-II of a side, shape ``(SIDE, length)``."""
    return _kept_cosines(length) if length <= WORKING_SIDE else _cosine_rows(length)


@lru_cache(maxsize=WORKING_SIDE)  # at most 20 MB
def _kept_cosines(length: int) -> NDArray[np.float32]:
    return _cosine_rows(length)


def _cosine_rows(length: int) -> NDArray[np.float32]:
    frequency = np.arange(SIDE)[:, None]
    place = np.arange(length)[None, :]
    rows = np.cos(np.pi * frequency * (2 * place + 1) / (2 * length))
    rows *= np.sqrt(2 * _REFERENCE_SIDE) / length
    rows[0] /= np.sqrt(2)
    rows[length:] = 0
    return rows.astype(np.float32)
