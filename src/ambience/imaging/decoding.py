"""Pixels: one decode from a file to what services, pages and comparisons see."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import JpegImagePlugin

from ambience.core.features import Image
from ambience.imaging.budget import decoding
from ambience.imaging.color import eight_bit, to_srgb
from ambience.imaging.decoders import damage_translated
from ambience.imaging.limits import DEFAULT_LIMITS, MEGA, Limits
from ambience.imaging.opening import Opened, open_image

WORKING_SIDE = 640  # pixels: finds crops to a third; a 12 MP image is 40 times more

OPAQUE: Final = 255

# Antialiased triangle. Of Pillow's filters it moves features least between a picture
# that arrives large, half as large, or small (mean pixel change 0.7 levels at half
# size and 1.2 at 640 px; box 1.0 and 1.7, bicubic 0.8 and 1.4, Lanczos 0.9 and 1.5),
# is symmetric, and costs half of bicubic.
FILTER: Final = Pillow.Resampling.BILINEAR

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


@dataclass(frozen=True, slots=True)
class Decoded:
    """Upright pixels.

    Attributes:
        rgb: sRGB with straight alpha, mode RGB.
        alpha: Opacity, mode L; ``None`` if every pixel is opaque.
    """

    rgb: Pillow.Image
    alpha: Pillow.Image | None


@contextmanager
def decoded(opened: Opened, *, longest_side: int | None) -> Iterator[Decoded]:
    """Read the pixels, once; the opened file is used up.

    This waits until the process has room for them, and counts them until the block
    ends: what is as large as they are belongs into it.

    Args:
        opened: What `open_image` returned.
        longest_side: Scale down to it, in pixels; a smaller image stays as it is, and
            ``None`` keeps every pixel.

    Raises:
        UnsupportedImageError: This variant of the format is not read here.
        TruncatedImageError: The pixels are damaged or incomplete.
        TooLargeError: There is not enough memory.
    """
    stored = opened.picture.size
    size = stored if longest_side is None else scaled_size(stored, longest_side)
    with damage_translated(opened.info.format):
        box = _draft(opened, longest_side) if size != stored else None
    # All of a progressive JPEG is in memory, whatever scale it is decoded at.
    progressive = "progressive" in opened.picture.info
    width, height = stored if progressive else opened.picture.size
    with decoding(width * height / MEGA):
        yield _decode(opened, size, box)


def _decode(
    opened: Opened,
    size: tuple[int, int],
    box: tuple[float, float, float, float] | None,
) -> Decoded:
    with damage_translated(opened.info.format):
        picture = opened.picture
        profile = picture.info.get("icc_profile")
        picture.load()
        flat = eight_bit(picture)
        if flat.size != size:
            flat = flat.resize(size, FILTER, box)
        if opened.orientation in _TURNS:
            flat = flat.transpose(_TURNS[opened.orientation])
        alpha = flat.getchannel("A") if flat.mode in {"LA", "RGBA"} else None
        if alpha is not None:
            flat = flat.convert("L" if flat.mode == "LA" else "RGB")
            alpha = None if alpha.getextrema() == (OPAQUE, OPAQUE) else alpha
        profile = profile if isinstance(profile, bytes) else None
        return Decoded(to_srgb(flat, profile), alpha)


def working_image(opened: Opened) -> Image:
    """Return the image at working size; raises what `decoded` raises."""
    with decoded(opened, longest_side=WORKING_SIDE) as upright:
        pixels = np.array(upright.rgb)
        alpha = None
        if upright.alpha is not None:
            alpha = np.array(upright.alpha)
            alpha.setflags(write=False)
            pixels = _on_white(pixels, alpha)
    pixels.setflags(write=False)
    return Image(pixels=pixels, alpha=alpha, size=opened.info.size)


def full_pixels(data: bytes, *, limits: Limits = DEFAULT_LIMITS) -> NDArray[np.uint8]:
    """Return every pixel, to compare two files exactly.

    Returns:
        Upright sRGB with straight alpha, shape ``(height, width, 4)``, ``uint8``, in
        the size as displayed; alpha is 255 where the file has none, and colors under
        full transparency are 0. 16-bit values keep their high byte.

    Raises:
        NotAnImageError: These bytes are no image.
        UnsupportedImageError: An image of a kind that is not read here.
        TruncatedImageError: The file is damaged or incomplete.
        TooLargeError: More bytes, pixels or frames than the limits allow.
    """
    with decoded(open_image(data, limits), longest_side=None) as upright:
        width, height = upright.rgb.size
        pixels = np.full((height, width, 4), OPAQUE, dtype=np.uint8)
        pixels[..., :3] = np.asarray(upright.rgb)
        if upright.alpha is not None:
            pixels[..., 3] = np.asarray(upright.alpha)
            pixels[pixels[..., 3] == 0] = 0
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


def _on_white(pixels: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return straight colors laid on white, rounded to the nearest level."""
    opacity = alpha[..., np.newaxis].astype(np.uint16)
    mixed = pixels * opacity + (OPAQUE - opacity) * OPAQUE
    return ((mixed + OPAQUE // 2) // OPAQUE).astype(np.uint8)
