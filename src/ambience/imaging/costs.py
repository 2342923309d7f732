"""Estimates the peak memory of a decode from the header.

The figures are bytes per pixel, measured on 24 megapixels of each format and mode: the
largest resident size of the process, minus its size before.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from PIL import JpegImagePlugin

from ambience.imaging.formats import Format
from ambience.imaging.image_header import OpenedImage

_MARGIN: Final = 1.05
_ALWAYS: Final = 8 * 2**20  # tables and rows, even for a small image

_STORED: Final[Mapping[str, float]] = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2}
_WIDE: Final[Mapping[str, float]] = {"I;16": 7.2, "I;16B": 7.2, "I": 24.2, "F": 24.2}
_COLOR: Final = 4.0  # in any mode with more than one channel, as Pillow stores it
_COEFFICIENT: Final = 2.0  # per sample of a JPEG

# What a decoder needs in addition to the pixels it produces.
_EXTRA: Final[Mapping[Format, float]] = {
    Format.WEBP: 9.2,  # two canvases while it fills a third
    Format.AVIF: 6.5,  # planes, and a copy of them as one run of bytes
    Format.HEIC: 5.5,
    Format.TIFF: 4.0,  # a strip or tile, which may be the whole image
    Format.GIF: 1.0,
}
_EXTRA_OPACITY: Final = 2.5  # the same, for AVIF and HEIC with opacity


def bytes_to_decode(
    opened: OpenedImage, stored: tuple[int, int], kept: Sequence[tuple[int, int]]
) -> int:
    """Return how many bytes of memory a decode takes at its peak, with the file.

    Args:
        opened: The file, with its decoder set to the scale it decodes at.
        stored: ``(width, height)`` of the pixels in the file.
        kept: ``(width, height)`` of each size to be made from them.
    """
    picture, kind = opened.picture, opened.info.format
    read, left = _area(picture.size), sum(map(_area, kept))
    opacity = picture.has_transparency_data or kind is Format.WEBP
    core = _STORED.get(picture.mode, _COLOR)
    extra = _EXTRA.get(kind, 0.0)
    if opacity and kind in {Format.AVIF, Format.HEIC}:
        extra += _EXTRA_OPACITY
    decoding = read * (core + extra) + _coefficients(opened, _area(stored))
    flat = 1.0 if picture.mode == "L" and not opacity else _COLOR
    flattening = read * _WIDE.get(picture.mode, core + flat if core != flat else core)
    scaling = read * (flat + (_COLOR + 0.6 if opacity else 0.6))
    whole = all(_area(size) == _area(stored) for size in kept)
    finishing = left * _finishing(opened, opacity=opacity) + read * flat * (not whole)
    if kind in {Format.AVIF, Format.HEIC}:  # these decoders don't free their memory
        finishing += read * extra
    peak = max(decoding, flattening, scaling * (not whole), finishing)
    return opened.byte_count + _ALWAYS + round(_MARGIN * peak)


def _finishing(opened: OpenedImage, *, opacity: bool) -> float:
    """Return the bytes per kept pixel for turning and converting it to an array."""
    picture = opened.picture
    converted = (
        picture.mode not in {"RGB", "RGBA", "P"} or "icc_profile" in picture.info
    )
    return 8.3 + 5.0 * opacity + _COLOR * converted + _COLOR * (opened.orientation != 1)


def _coefficients(opened: OpenedImage, pixels: int) -> float:
    """Return the bytes of all coefficients of a JPEG with several scans, else 0."""
    picture = opened.picture
    if opened.scans == 1 or not isinstance(picture, JpegImagePlugin.JpegImageFile):
        return 0.0
    samplings = [(width, height) for _, width, height, _ in picture.layer]
    widest = max(width for width, _ in samplings)
    highest = max(height for _, height in samplings)
    samples = sum(width * height for width, height in samplings) / (widest * highest)
    return _COEFFICIENT * pixels * samples


def _area(size: tuple[int, int]) -> int:
    return size[0] * size[1]
