"""What a file reveals about its past: its camera, its compression, its source."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import JpegImagePlugin

from ambience.imaging.color import eight_bit
from ambience.imaging.costs import bytes_to_decode
from ambience.imaging.decoders import damage_translated
from ambience.imaging.decoding import Permit
from ambience.imaging.formats import Format
from ambience.imaging.image_header import OpenedImage

_BLOCK: Final = 8  # pixels along a side of a JPEG block
_STEPS: Final = _BLOCK * _BLOCK
_LOOKED_AT: Final = 384  # pixels along a side of the examined middle: 2,304 blocks
_FULL_COLOR: Final = frozenset({"1", "L", "LA", "RGB", "RGBA", "I;16", "I;16B", "I"})
_LOSSLESS: Final = frozenset({Format.PNG, Format.BMP, Format.TIFF})

_ROUNDED: Final = 0.75  # rounding pixels moves 99 % of coefficients by at most this
_ROOM: Final = 0.65  # frequencies with more chance hits than this are not used
_FEWEST: Final = 200  # coefficients that are used; fewer prove nothing


@dataclass(frozen=True, slots=True)
class Provenance:
    """What the header of a file reveals about its past.

    Attributes:
        names_camera: See `Exif.names_camera`.
        steps: The 64 quantization steps of a JPEG's brightness, row by row; empty for
            any other file.
        is_lossless: Whether the format stores every pixel exactly, in full color.
    """

    names_camera: bool = False
    steps: tuple[int, ...] = ()
    is_lossless: bool = False


def provenance(opened: OpenedImage) -> Provenance:
    """Return what the header reveals; nothing is decoded."""
    picture = opened.picture
    return Provenance(
        names_camera=opened.names_camera,
        steps=_steps(opened),
        is_lossless=(
            opened.info.format in _LOSSLESS
            and picture.mode in _FULL_COLOR
            and picture.info.get("compression") not in {"jpeg", "tiff_jpeg", "webp"}
        ),
    )


def saved_from(
    opened: OpenedImage, tables: Sequence[Sequence[int]], permit: Permit
) -> list[bool]:
    """Return from which JPEGs of the same size an image was saved.

    The coefficients of a JPEG are multiples of its quantization steps. If the image is
    saved again with finer steps, or losslessly, they stay close to these multiples.
    (Fan and de Queiroz, "Identification of bitmap compression history", 2003.)

    Args:
        opened: The image; it can't be used again.
        tables: The `Provenance.steps` of each JPEG.
        permit: See `Permit`.

    Raises:
        BadInputError: If it can't be decoded.
    """
    own = _steps(opened)
    coefficients = _coefficients(_brightness(opened, permit))
    return [_lies_on(coefficients, own, steps) for steps in tables]


def _steps(opened: OpenedImage) -> tuple[int, ...]:
    picture = opened.picture
    if not isinstance(picture, JpegImagePlugin.JpegImageFile):
        return ()
    table = picture.quantization.get(picture.layer[0][3], [])
    return tuple(table) if len(table) == _STEPS else ()


def _brightness(opened: OpenedImage, permit: Permit) -> NDArray[np.float32]:
    """Return the gray levels of the middle, aligned to whole blocks."""
    picture = opened.picture
    size = picture.size
    with damage_translated(opened.info.format):
        if isinstance(picture, JpegImagePlugin.JpegImageFile):
            picture.draft("L", size)  # brightness as stored, without converting colors
        permit(bytes_to_decode(opened, size, [size]))
        picture.load()
        left, top = (max(0, side - _LOOKED_AT) // 2 // _BLOCK * _BLOCK for side in size)
        width, height = (
            min(side - start, _LOOKED_AT) // _BLOCK * _BLOCK
            for side, start in zip(size, (left, top), strict=True)
        )
        middle = eight_bit(picture.crop((left, top, left + width, top + height)))
        gray = middle if middle.mode == "L" else middle.convert("RGB").convert("L")
        return np.asarray(gray, np.float32)


def _coefficients(gray: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the DCT-II of each block, shape ``(blocks, 64)``, by row."""
    height, width = gray.shape
    place, frequency = np.arange(_BLOCK), np.arange(_BLOCK)[:, None]
    rows = np.cos(np.pi * frequency * (2 * place + 1) / (2 * _BLOCK)) / 2
    rows[0] /= np.sqrt(2)
    basis = rows.T.astype(np.float32)
    # Two products of tall matrices: one product per block would take ten times as long.
    across = ((gray - 128).reshape(-1, _BLOCK) @ basis).reshape(
        height // _BLOCK, _BLOCK, width
    )
    down = np.ascontiguousarray(across.swapaxes(1, 2)).reshape(-1, _BLOCK) @ basis
    blocks = down.reshape(-1, _BLOCK, _BLOCK).swapaxes(1, 2)
    return np.ascontiguousarray(blocks).reshape(-1, _STEPS)


def _lies_on(
    coefficients: NDArray[np.float32], own: Sequence[int], steps: Sequence[int]
) -> bool:
    """Return whether coefficients are nearer to multiples of steps than by chance."""
    reach = np.array(own or (0,) * _STEPS) / 2 + _ROUNDED
    chance = 2 * reach / np.array(steps)
    telling = chance < _ROOM
    telling[0] = False  # the mean of a block changes if a copy is made brighter
    shares = np.abs(coefficients[:, telling]) / np.array(steps)[telling]
    off = np.abs(shares - np.rint(shares))
    counted = np.rint(shares) >= 1  # most are near 0 in any image
    number = np.count_nonzero(counted)
    if number < _FEWEST:
        return False
    near = (off <= reach[telling] / np.array(steps)[telling]) & counted
    by_chance = (counted.sum(axis=0) @ chance[telling]) / number
    return bool(near.sum() / number > (1 + by_chance) / 2)
