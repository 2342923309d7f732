"""Encodes thumbnails, parts of images, and versions that every browser shows."""

from io import BytesIO
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from ambience.core.features import Image
from ambience.core.region import Region
from ambience.imaging.decoding import (
    FILTER,
    OPAQUE,
    Permit,
    decoded,
    permit_all,
    scaled_size,
)
from ambience.imaging.image_header import OpenedImage

THUMBNAIL_SIDE = 512  # pixels: grid rows are 256 high, and screens may double that
LONGEST_SIDE = 16383  # the largest that WebP can hold
_WEBP_QUALITY: Final = 75  # 35 dB on detailed photographs
_WEBP_METHOD: Final = 1  # 5 ms and 26 kB per thumbnail; 0: 4, 29; 2: 7, 23; 4: 15, 22
_JPEG_QUALITY: Final = 88  # 10 ms at 2048 px; WebP takes 100 and saves 15 %
_PNG_LEVEL: Final = 1  # fast, because these files are read at once and rarely kept


def thumbnail(image: Image) -> bytes:
    """Return a WebP whose longest side is at most `THUMBNAIL_SIDE`, alpha included.

    It is made from the working image, so nothing is decoded again.
    """
    pixels = Pillow.fromarray(image.pixels)
    size = scaled_size(pixels.size, THUMBNAIL_SIDE)
    shown = pixels.resize(size, FILTER)
    if image.alpha is not None:
        alpha = Pillow.fromarray(image.alpha).resize(size, FILTER)
        shown = _off_white(shown, alpha)
    return _webp(shown)


def rendition(
    opened: OpenedImage, *, longest_side: int, permit: Permit = permit_all
) -> bytes:
    """Return an image in a form that every browser shows.

    Args:
        opened: The file.
        longest_side: The longest side in pixels; nothing is enlarged.
        permit: See `Permit`.

    Returns:
        A WebP if the image has transparency, otherwise a JPEG; `sniff` tells which.

    Raises:
        BadInputError: See `decoded`.
    """
    upright = decoded(opened, longest_side=longest_side, permit=permit)
    if upright.alpha is not None:
        upright.rgb.putalpha(upright.alpha)
        return _webp(upright.rgb)
    file = BytesIO()
    upright.rgb.save(file, "JPEG", quality=_JPEG_QUALITY)
    return file.getvalue()


def png(pixels: NDArray[np.uint8]) -> bytes:
    """Return pixels as a PNG, compressed quickly rather than well.

    Args:
        pixels: Shape ``(height, width)`` for gray, ``(height, width, 3)`` for sRGB, or
            ``(height, width, 4)`` with straight alpha.
    """
    return _png(Pillow.fromarray(pixels))


def part(opened: OpenedImage, region: Region, permit: Permit = permit_all) -> bytes:
    """Return a part of an image as a PNG, without losing pixels or opacity.

    Args:
        opened: The file.
        region: The part.
        permit: See `Permit`.

    Raises:
        BadParameterError: If the region is empty or not within the image.
        BadInputError: See `decoded`.
    """
    region.check_within(opened.info.size)
    upright = decoded(opened, region=region, permit=permit)
    if upright.alpha is not None:
        upright.rgb.putalpha(upright.alpha)
    return _png(upright.rgb)


def _png(picture: Pillow.Image) -> bytes:
    file = BytesIO()
    picture.info.clear()
    picture.save(file, "PNG", compress_level=_PNG_LEVEL)
    return file.getvalue()


def _webp(picture: Pillow.Image) -> bytes:
    file = BytesIO()
    picture.info.clear()
    picture.save(file, "WEBP", quality=_WEBP_QUALITY, method=_WEBP_METHOD)
    return file.getvalue()


def _off_white(shown: Pillow.Image, alpha: Pillow.Image) -> Pillow.Image:
    """Return straight colors with alpha, given colors blended with white."""
    opacity = np.asarray(alpha, dtype=np.float32)[..., np.newaxis] / OPAQUE
    white = (1 - opacity) * OPAQUE
    colors = (np.asarray(shown) - white) / np.maximum(opacity, 1 / OPAQUE)
    straight = Pillow.fromarray(np.clip(np.rint(colors), 0, OPAQUE).astype(np.uint8))
    straight.putalpha(alpha)
    return straight
