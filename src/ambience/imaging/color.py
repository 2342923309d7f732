"""Converts whatever a file stores to 8-bit sRGB, using its embedded color profile."""

from functools import lru_cache
from io import BytesIO
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

_MAX_PROFILE_BYTES: Final = 4 * 2**20  # press profiles have up to 2.7 MB
_VISIBLE: Final = 2  # levels; a profile that changes less is treated as sRGB
_BYTE: Final = 255
_GRID: Final = np.linspace(0, 255, 9).round().astype(np.uint8)  # 729 colors are enough
_FULL_16: Final = 65535


def eight_bit(picture: Image.Image) -> Image.Image:
    """Return the picture with 8 bits per channel, in a mode that can be scaled.

    These modes are L, LA, RGB, RGBA, CMYK and LAB. 16-bit gray keeps its high byte, as
    16-bit color does in the decoder. Wider integers and floats have no fixed range:
    they are read as 0 to 1, 0 to 255 or 0 to 65535 if they fit, and otherwise stretched
    from their smallest to their largest value.
    """
    match picture.mode:
        case "L" | "RGB" | "1" if "transparency" in picture.info:
            return _keyed(picture)
        case "L" | "LA" | "RGB" | "RGBA" | "CMYK" | "LAB":
            return picture
        case "1":
            return picture.convert("L")
        case "I" | "F" | "I;16" | "I;16L" | "I;16B" | "I;16N":
            return _gray_from_wide(picture)
        case _:
            return picture.convert("RGBA" if picture.has_transparency_data else "RGB")


def to_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """Return the picture in mode RGB, converted by its profile.

    Args:
        picture: Mode L, RGB, CMYK or LAB.
        profile: The embedded ICC profile. It is ignored if it is broken, or made for
            another kind of pixels.
    """
    transform = None
    if profile and len(profile) <= _MAX_PROFILE_BYTES and picture.mode != "LAB":
        transform = _transform(profile, picture.mode)
    elif picture.mode == "LAB":
        transform = _lab_transform()
    if transform is None:
        return picture if picture.mode == "RGB" else picture.convert("RGB")
    converted = transform.apply(picture)
    converted.info.clear()
    return converted


def _keyed(picture: Image.Image) -> Image.Image:
    """Return the picture as RGBA, given that one of its colors means transparent."""
    key = picture.info["transparency"]
    if isinstance(key, tuple) and max(key) > _BYTE:  # a 16-bit color
        picture.info["transparency"] = tuple(value >> 8 for value in key)
    return picture.convert("RGBA")


def _gray_from_wide(picture: Image.Image) -> Image.Image:
    values = np.asarray(picture)
    key = picture.info.get("transparency")
    gray = Image.fromarray(_levels(values, wide=picture.mode in {"I", "F"}))
    if isinstance(key, int):
        gray.putalpha(Image.fromarray(np.where(values == key, 0, 255).astype(np.uint8)))
    return gray


def _levels(values: NDArray[np.generic], *, wide: bool) -> NDArray[np.uint8]:
    """Return gray levels from values whose range may be unknown (`wide`)."""
    if not wide:
        return (values.astype(np.uint16, copy=False) >> 8).astype(np.uint8)
    floats = np.nan_to_num(values.astype(np.float32), posinf=0.0, neginf=0.0)
    low, high = float(floats.min()), float(floats.max())
    is_float = np.issubdtype(values.dtype, np.floating)
    ranges = (1.0, 255.0, float(_FULL_16)) if is_float else (float(_FULL_16),)
    top = next((end for end in ranges if high <= end), None)
    if low < 0 or top is None:
        floats -= low
        top = (high - low) or 1.0
    scaled = floats * np.float32(255.0 / top) if top <= _FULL_16 else floats / top * 255
    levels: NDArray[np.uint8] = np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
    return levels


@lru_cache(maxsize=8)  # a library has few cameras; this keeps at most 8 x 4 MiB
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Return the transform to sRGB; ``None`` if it fails or changes nothing visible."""
    try:
        transform = ImageCms.ImageCmsTransform(
            ImageCms.ImageCmsProfile(BytesIO(profile)),
            ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")),
            mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
        if mode == "CMYK":
            return transform
        sample = _sample(mode)
        changed = np.asarray(transform.apply(sample)).astype(np.int16)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError, RuntimeError):
        return None
    difference = np.abs(changed - np.asarray(sample.convert("RGB"))).max()
    return transform if difference > _VISIBLE else None


@lru_cache(maxsize=1)
def _lab_transform() -> ImageCms.ImageCmsTransform:
    return ImageCms.ImageCmsTransform(
        ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")),
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")),
        "LAB",
        "RGB",
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
    )


def _sample(mode: str) -> Image.Image:
    """Return an image of colors that cover the whole color space of a mode."""
    if mode == "L":
        return Image.fromarray(np.arange(256, dtype=np.uint8)[np.newaxis])
    colors = np.stack(np.meshgrid(_GRID, _GRID, _GRID), axis=-1)
    return Image.fromarray(colors.reshape(27, 27, 3))
