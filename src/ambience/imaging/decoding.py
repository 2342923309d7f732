"""Decodes a file once, to the pixels that services, pages and comparisons need."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import JpegImagePlugin

from ambience.core.features import Image
from ambience.core.geometry import extent
from ambience.core.region import Region
from ambience.imaging.color import eight_bit, to_srgb
from ambience.imaging.costs import bytes_to_decode
from ambience.imaging.decoders import damage_translated
from ambience.imaging.image_header import OpenedImage

OPAQUE: Final = 255

Permit: TypeAlias = Callable[[int], None]
"""Called with the bytes of memory that a decode needs, before it takes them. It waits
until they are available, or raises."""

# An antialiased triangle. Of Pillow's filters, it changes features least when a picture
# arrives at another size (mean pixel change 0.7 levels at half size and 1.2 at 640 px;
# box 1.0 and 1.7, bicubic 0.8 and 1.4, Lanczos 0.9 and 1.5). It is symmetric, and takes
# half as long as bicubic.
FILTER: Final = Pillow.Resampling.BILINEAR

_BAND: Final = 64  # rows
_LONGEST: Final = 16  # working sides: no strip stays longer, however thin
_JPEG_SCALES: Final = (8, 4, 2)  # those of the decoder itself, besides 1
_TURNS: Final[Mapping[int, Pillow.Transpose]] = {  # what undoes an EXIF orientation
    2: Pillow.Transpose.FLIP_LEFT_RIGHT,
    3: Pillow.Transpose.ROTATE_180,
    4: Pillow.Transpose.FLIP_TOP_BOTTOM,
    5: Pillow.Transpose.TRANSPOSE,
    6: Pillow.Transpose.ROTATE_270,
    7: Pillow.Transpose.TRANSVERSE,
    8: Pillow.Transpose.ROTATE_90,
}
# EXIF orientations whose stored pixels begin at the right or bottom as displayed.
_FROM_RIGHT: Final = frozenset({2, 3, 6, 7})
_FROM_BOTTOM: Final = frozenset({3, 4, 7, 8})
_SWAPPED: Final = frozenset({5, 6, 7, 8})


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """Upright pixels.

    Attributes:
        rgb: sRGB with straight alpha, mode RGB.
        alpha: Opacity, mode L; ``None`` if every pixel is opaque.
    """

    rgb: Pillow.Image
    alpha: Pillow.Image | None


def permit_all(_: int) -> None:
    """Permit every decode at once; see `Permit`."""


def decoded(
    opened: OpenedImage,
    *,
    longest_side: int | None = None,
    region: Region | None = None,
    permit: Permit = permit_all,
) -> DecodedImage:
    """Read the pixels; the opened file can't be used again.

    Args:
        opened: What `open_image` returned.
        longest_side: Scale down to this longest side, in pixels; a smaller image stays
            as it is, and ``None`` keeps every pixel.
        region: Keep only this part, in pixels as displayed; it must be within the
            image, and can't be combined with scaling.
        permit: See `Permit`.

    Raises:
        UnsupportedImageError: If this variant of the format can't be read here.
        TruncatedImageError: If the pixels are damaged or incomplete.
        TooLargeError: If there is not enough memory.
    """
    stored = opened.picture.size
    size = stored if longest_side is None else scaled_size(stored, longest_side)
    (made,) = _decode(opened, [size], region, permit)
    return made


def _decode(
    opened: OpenedImage,
    sizes: Sequence[tuple[int, int]],
    region: Region | None,
    permit: Permit,
) -> list[DecodedImage]:
    """Decode once and scale to each ``(width, height)``, the largest first."""
    picture = opened.picture
    stored = picture.size
    with damage_translated(opened.info.format):
        box = _draft(opened, max(sizes[0])) if sizes[0] != stored else None
        kept = sizes if region is None else [(region.width, region.height)]
        permit(bytes_to_decode(opened, stored, kept))
        profile = picture.info.get("icc_profile")
        picture.load()
        flat = eight_bit(picture)
        if flat is not picture:
            picture.close()  # frees its pixels
        scaled = [
            flat if flat.size == size else flat.resize(size, FILTER, box)
            for size in sizes
        ]
        del flat, picture  # frees their pixels, which may be large
        return [
            _finished(scaled.pop(0), profile, opened, region) for _ in range(len(sizes))
        ]


def _finished(
    flat: Pillow.Image, profile: object, opened: OpenedImage, region: Region | None
) -> DecodedImage:
    """Return the pixels turned upright and in sRGB, with opacity separate."""
    if region is not None:
        flat = flat.crop(_as_stored(region, opened))
    if opened.orientation in _TURNS:
        flat = flat.transpose(_TURNS[opened.orientation])
    alpha = flat.getchannel("A") if flat.mode in {"LA", "RGBA"} else None
    if alpha is not None:
        flat = flat.convert("L" if flat.mode == "LA" else "RGB")
        alpha = None if alpha.getextrema() == (OPAQUE, OPAQUE) else alpha
    profile = profile if isinstance(profile, bytes) else None
    return DecodedImage(to_srgb(flat, profile), alpha)


def working_images(
    opened: OpenedImage, sides: Collection[int], permit: Permit = permit_all
) -> dict[int, Image]:
    """Return the image at working sizes, all made by one decode.

    A JPEG is decoded at the smallest of the decoder's own scales that is large enough
    for the largest size. Each size is scaled from that, never from another size.

    Args:
        opened: What `open_image` returned.
        sides: The longest side of each size, in pixels; strips are longer, see
            `working_size`. Nothing is enlarged, so several sizes of a small image may
            be the same.
        permit: See `Permit`.

    Raises:
        BadInputError: See `decoded`.
    """
    stored = opened.picture.size
    wanted = {side: working_size(stored, side) for side in sorted(sides, reverse=True)}
    sizes = list(dict.fromkeys(wanted.values()))
    uprights = _decode(opened, sizes, None, permit)
    made = dict(zip(sizes, (_as_image(it, opened) for it in uprights), strict=True))
    return {side: made[size] for side, size in wanted.items()}


def _as_image(upright: DecodedImage, opened: OpenedImage) -> Image:
    pixels = np.array(upright.rgb)
    alpha = None
    if upright.alpha is not None:
        alpha = np.array(upright.alpha)
        alpha.setflags(write=False)
        pixels = _on_white(pixels, alpha)
    pixels.setflags(write=False)
    return Image(pixels=pixels, alpha=alpha, size=opened.info.size)


def full_pixels(opened: OpenedImage, permit: Permit = permit_all) -> NDArray[np.uint8]:
    """Return every pixel at full size.

    Returns:
        Upright sRGB with straight alpha, shape ``(height, width, 4)``, ``uint8``. Alpha
        is 255 if the file has none, and fully transparent pixels have color 0. 16-bit
        values keep their high byte.

    Raises:
        BadInputError: See `decoded`.
    """
    upright = decoded(opened, permit=permit)
    width, height = upright.rgb.size
    pixels = np.empty((height, width, 4), dtype=np.uint8)
    for top in range(0, height, _BAND):  # in bands, because Pillow copies the pixels
        box = (0, top, width, min(top + _BAND, height))
        band = pixels[top : top + _BAND]
        band[..., :3] = np.asarray(upright.rgb.crop(box))
        band[..., 3] = OPAQUE
        if upright.alpha is not None:
            band[..., 3] = np.asarray(upright.alpha.crop(box))
            band[band[..., 3] == 0] = 0
    return pixels


def scaled_size(size: tuple[int, int], longest_side: int) -> tuple[int, int]:
    """Return ``(width, height)`` scaled down to a longest side; each at least 1."""
    longest = max(size)
    if longest <= longest_side:
        return size
    width, height = (max(1, round(side * longest_side / longest)) for side in size)
    return width, height


def working_size(size: tuple[int, int], side: int) -> tuple[int, int]:
    """Return ``(width, height)`` scaled down to an extent; each at least 1.

    Args:
        size: ``(width, height)`` in pixels.
        side: The longest side of images that are no strips; see
            `ambience.core.geometry.extent`.
    """
    shrunk = max(size) * min(1.0, side / extent(size))
    return scaled_size(size, min(round(shrunk), _LONGEST * side))


def _draft(
    opened: OpenedImage, longest_side: int | None
) -> tuple[float, float, float, float] | None:
    """Let a JPEG decode at the smallest scale that is still large enough.

    Returns:
        The exact extent of the picture in the scaled pixels; it may cover the last
        column and row only in part. ``None`` if the file is decoded at full size.
    """
    picture = opened.picture
    if longest_side is None or not isinstance(picture, JpegImagePlugin.JpegImageFile):
        return None
    width, height = picture.size
    for scale in _JPEG_SCALES:
        if max(width, height) // scale >= longest_side:
            drafted = picture.draft(
                None, (max(1, width // scale), max(1, height // scale))
            )
            return drafted[1] if drafted else None
    return None


def _as_stored(region: Region, opened: OpenedImage) -> tuple[int, int, int, int]:
    """Return a region in pixels as stored: left, top, right, bottom."""
    height, width = opened.info.size
    left, right = region.x, region.x + region.width
    top, bottom = region.y, region.y + region.height
    if opened.orientation in _FROM_RIGHT:
        left, right = width - right, width - left
    if opened.orientation in _FROM_BOTTOM:
        top, bottom = height - bottom, height - top
    if opened.orientation in _SWAPPED:
        return top, left, bottom, right
    return left, top, right, bottom


def _on_white(pixels: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return straight colors blended with white, rounded to the nearest level."""
    blended = np.empty_like(pixels)
    for top in range(0, len(pixels), _BAND):  # in bands: intermediate arrays are large
        band = slice(top, top + _BAND)
        opacity = alpha[band, :, np.newaxis].astype(np.uint16)
        mixed = pixels[band] * opacity + (OPAQUE - opacity) * OPAQUE
        blended[band] = (mixed + OPAQUE // 2) // OPAQUE
    return blended
