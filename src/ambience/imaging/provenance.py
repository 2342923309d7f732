"""What a file tells of its past: camera or program, how coarse, saved from what."""

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
from ambience.imaging.opening import Opened

_BLOCK: Final = 8  # pixels of a side of what a JPEG transforms at once
_STEPS: Final = _BLOCK * _BLOCK
_LOOKED_AT: Final = 384  # pixels of a side, from the middle: 2,304 blocks
_WHOLE_COLOR: Final = frozenset({"1", "L", "LA", "RGB", "RGBA", "I;16", "I;16B", "I"})
_LOSSLESS: Final = frozenset({Format.PNG, Format.BMP, Format.TIFF})

_ROUNDED: Final = 0.75  # what rounding pixels moves a coefficient by, at most of 99 %
_ROOM: Final = 0.65  # of coefficients near a multiple by chance: with more, none tells
_FEWEST: Final = 200  # coefficients that tell; fewer prove nothing


@dataclass(frozen=True, slots=True)
class Provenance:
    """What the header of a file tells of its past.

    Attributes:
        names_camera: Whether a camera's maker or clock is named in it.
        steps: The quantization steps of a JPEG's brightness, 64 by row; empty for any
            other file.
        is_lossless: Whether every pixel is kept as it was given, in full color.
    """

    names_camera: bool = False
    steps: tuple[int, ...] = ()
    is_lossless: bool = False


def provenance(opened: Opened) -> Provenance:
    """Return what the header tells; nothing is decoded."""
    picture = opened.picture
    return Provenance(
        names_camera=opened.names_camera,
        steps=_steps(opened),
        is_lossless=(
            opened.info.format in _LOSSLESS
            and picture.mode in _WHOLE_COLOR
            and picture.info.get("compression") not in {"jpeg", "tiff_jpeg", "webp"}
        ),
    )


def saved_from(
    opened: Opened, tables: Sequence[Sequence[int]], permit: Permit
) -> list[bool]:
    """Tell which JPEGs an image of their size was decoded from and saved anew.

    The coefficients of a JPEG are multiples of its steps. Saved anew with finer steps,
    or without loss, they still lie as near to those as the new steps let them.
    (Fan and de Queiroz, "Identification of bitmap compression history", 2003.)

    Args:
        opened: The image; it is used up.
        tables: The `Provenance.steps` of each JPEG.
        permit: See `Permit`.

    Raises:
        BadInputError: It can't be decoded.
    """
    own = _steps(opened)
    coefficients = _coefficients(_brightness(opened, permit))
    return [_lies_on(coefficients, own, steps) for steps in tables]


def _steps(opened: Opened) -> tuple[int, ...]:
    picture = opened.picture
    if not isinstance(picture, JpegImagePlugin.JpegImageFile):
        return ()
    table = picture.quantization.get(picture.layer[0][3], [])
    return tuple(table) if len(table) == _STEPS else ()


def _brightness(opened: Opened, permit: Permit) -> NDArray[np.float32]:
    """Return the gray levels of the middle, beginning at a whole block."""
    picture = opened.picture
    size = picture.size
    with damage_translated(opened.info.format):
        if isinstance(picture, JpegImagePlugin.JpegImageFile):
            picture.draft("L", size)  # as it is stored: colors are never made of it
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
    # Two products of tall matrices: one for each small block would take ten times as
    # long.
    across = ((gray - 128).reshape(-1, _BLOCK) @ basis).reshape(
        height // _BLOCK, _BLOCK, width
    )
    down = np.ascontiguousarray(across.swapaxes(1, 2)).reshape(-1, _BLOCK) @ basis
    blocks = down.reshape(-1, _BLOCK, _BLOCK).swapaxes(1, 2)
    return np.ascontiguousarray(blocks).reshape(-1, _STEPS)


def _lies_on(
    coefficients: NDArray[np.float32], own: Sequence[int], steps: Sequence[int]
) -> bool:
    """Tell whether coefficients are nearer to multiples of steps than by chance."""
    reach = np.array(own or (0,) * _STEPS) / 2 + _ROUNDED
    chance = 2 * reach / np.array(steps)
    telling = chance < _ROOM
    telling[0] = False  # the mean level of a block is what a brighter copy changes
    shares = np.abs(coefficients[:, telling]) / np.array(steps)[telling]
    off = np.abs(shares - np.rint(shares))
    counted = np.rint(shares) >= 1  # most are near 0 in any image
    number = np.count_nonzero(counted)
    if number < _FEWEST:
        return False
    near = (off <= reach[telling] / np.array(steps)[telling]) & counted
    by_chance = (counted.sum(axis=0) @ chance[telling]) / number
    return bool(near.sum() / number > (1 + by_chance) / 2)
