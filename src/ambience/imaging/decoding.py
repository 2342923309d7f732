"""Pixels: one decode from a file to what services, pages and comparisons see."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import JpegImagePlugin

from ambience.core.features import Image
from ambience.core.region import Region
from ambience.imaging.color import eight_bit, to_srgb
from ambience.imaging.costs import bytes_to_decode
from ambience.imaging.decoders import damage_translated
from ambience.imaging.opening import Opened

OPAQUE: Final = 255

Permit: TypeAlias = Callable[[int], None]
"""Told how many bytes of memory a decode takes, just before it takes them: waits until
they may be taken, or raises."""

# Antialiased triangle. Of Pillow's filters it moves features least between a picture
# that arrives large, half as large, or small (mean pixel change 0.7 levels at half
# size and 1.2 at 640 px; box 1.0 and 1.7, bicubic 0.8 and 1.4, Lanczos 0.9 and 1.5),
# is symmetric, and costs half of bicubic.
FILTER: Final = Pillow.Resampling.BILINEAR

_BAND: Final = 64  # rows
_JPEG_SCALES: Final = (8, 4, 2)  # the decoder's own, beside 1
_TURNS: Final[Mapping[int, Pillow.Transpose]] = {  # EXIF orientation to what undoes it
    2: Pillow.Transpose.FLIP_LEFT_RIGHT,
    3: Pillow.Transpose.ROTATE_180,
    4: Pillow.Transpose.FLIP_TOP_BOTTOM,
    5: Pillow.Transpose.TRANSPOSE,
    6: Pillow.Transpose.ROTATE_270,
    7: Pillow.Transpose.TRANSVERSE,
    8: Pillow.Transpose.ROTATE_90,
}
# EXIF orientations whose pixels, as stored, begin at another side than is displayed.
_FROM_RIGHT: Final = frozenset({2, 3, 6, 7})
_FROM_BOTTOM: Final = frozenset({3, 4, 7, 8})
_SWAPPED: Final = frozenset({5, 6, 7, 8})


@dataclass(frozen=True, slots=True)
class Decoded:
    """Upright pixels.

    Attributes:
        rgb: sRGB with straight alpha, mode RGB.
        alpha: Opacity, mode L; ``None`` if every pixel is opaque.
    """

    rgb: Pillow.Image
    alpha: Pillow.Image | None


def at_once(_: int) -> None:
    """Permit any decode; see `Permit`."""


def decoded(
    opened: Opened,
    *,
    longest_side: int | None = None,
    region: Region | None = None,
    permit: Permit = at_once,
) -> Decoded:
    """Read the pixels, once; the opened file is used up.

    Args:
        opened: What `open_image` returned.
        longest_side: Scale down to it, in pixels; a smaller image stays as it is, and
            ``None`` keeps every pixel.
        region: Keep only this part, which is within the image, in pixels as displayed;
            not to be scaled as well.
        permit: See `Permit`.

    Raises:
        UnsupportedImageError: This variant of the format is not read here.
        TruncatedImageError: The pixels are damaged or incomplete.
        TooLargeError: There is not enough memory.
    """
    stored = opened.picture.size
    size = stored if longest_side is None else scaled_size(stored, longest_side)
    (made,) = _decode(opened, [size], region, permit)
    return made


def _decode(
    opened: Opened,
    sizes: Sequence[tuple[int, int]],
    region: Region | None,
    permit: Permit,
) -> list[Decoded]:
    """Decode once and make each ``(width, height)``, the largest of them first."""
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
            picture.close()  # its pixels are not needed any more
        scaled = [
            flat if flat.size == size else flat.resize(size, FILTER, box)
            for size in sizes
        ]
        del flat, picture  # as early as possible: they may be large
        return [
            _finished(scaled.pop(0), profile, opened, region) for _ in range(len(sizes))
        ]


def _finished(
    flat: Pillow.Image, profile: object, opened: Opened, region: Region | None
) -> Decoded:
    """Return pixels turned upright, in sRGB, with their opacity apart."""
    if region is not None:
        flat = flat.crop(_as_stored(region, opened))
    if opened.orientation in _TURNS:
        flat = flat.transpose(_TURNS[opened.orientation])
    alpha = flat.getchannel("A") if flat.mode in {"LA", "RGBA"} else None
    if alpha is not None:
        flat = flat.convert("L" if flat.mode == "LA" else "RGB")
        alpha = None if alpha.getextrema() == (OPAQUE, OPAQUE) else alpha
    profile = profile if isinstance(profile, bytes) else None
    return Decoded(to_srgb(flat, profile), alpha)


def working_images(
    opened: Opened, sides: Collection[int], permit: Permit = at_once
) -> dict[int, Image]:
    """Return the image at working sizes, all made of the pixels of one decode.

    A JPEG is decoded at the smallest of the decoder's own scales that is large enough
    for the largest size. Each size is then scaled from that, and none from another.

    Args:
        opened: What `open_image` returned.
        sides: The longest sides wanted, in pixels; nothing is enlarged, so a small
            image is the same at several of them.
        permit: See `Permit`.

    Raises:
        BadInputError: What `decoded` raises.
    """
    stored = opened.picture.size
    wanted = {side: scaled_size(stored, side) for side in sorted(sides, reverse=True)}
    sizes = list(dict.fromkeys(wanted.values()))
    uprights = _decode(opened, sizes, None, permit)
    made = dict(zip(sizes, (_on_paper(it, opened) for it in uprights), strict=True))
    return {side: made[size] for side, size in wanted.items()}


def _on_paper(upright: Decoded, opened: Opened) -> Image:
    pixels = np.array(upright.rgb)
    alpha = None
    if upright.alpha is not None:
        alpha = np.array(upright.alpha)
        alpha.setflags(write=False)
        pixels = _on_white(pixels, alpha)
    pixels.setflags(write=False)
    return Image(pixels=pixels, alpha=alpha, size=opened.info.size)


def full_pixels(opened: Opened, permit: Permit = at_once) -> NDArray[np.uint8]:
    """Return every pixel; raises what `decoded` raises.

    Returns:
        Upright sRGB with straight alpha, shape ``(height, width, 4)``, ``uint8``, in
        the size as displayed; alpha is 255 where the file has none, and colors under
        full transparency are 0. 16-bit values keep their high byte.
    """
    upright = decoded(opened, permit=permit)
    width, height = upright.rgb.size
    pixels = np.empty((height, width, 4), dtype=np.uint8)
    for top in range(0, height, _BAND):  # what Pillow hands out is a copy
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


def _draft(
    opened: Opened, longest_side: int | None
) -> tuple[float, float, float, float] | None:
    """Let a JPEG decode at the smallest scale that is still large enough.

    Returns:
        The exact extent of the picture in the scaled pixels, whose last column and row
        may be there only in part.
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


def _as_stored(region: Region, opened: Opened) -> tuple[int, int, int, int]:
    """Return where a region is in the pixels as stored: left, top, right, bottom."""
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
    """Return straight colors laid on white, rounded to the nearest level."""
    laid = np.empty_like(pixels)
    for top in range(0, len(pixels), _BAND):  # the steps between take more
        band = slice(top, top + _BAND)
        opacity = alpha[band, :, np.newaxis].astype(np.uint16)
        mixed = pixels[band] * opacity + (OPAQUE - opacity) * OPAQUE
        laid[band] = (mixed + OPAQUE // 2) // OPAQUE
    return laid
