"""Accepts images from memory: NumPy arrays and Pillow images."""

from io import BytesIO
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from ambience.core.errors import BadInputError
from ambience.imaging.color import eight_bit, to_srgb
from ambience.imaging.encoding import png

_IN_PNG: Final = {"L", "LA", "RGB", "RGBA"}  # modes that a PNG holds, with any profile
_GRAY, _COLOR, _WITH_ALPHA = 2, 3, 4


def file_of(image: object) -> bytes | None:
    """Return an image as a PNG file; ``None`` if the object is not an image.

    Args:
        image: A ``PIL.Image.Image``, whose EXIF orientation is not applied. Or an array
            of ``uint8``: shape ``(height, width)`` for gray, ``(height, width, 3)`` for
            sRGB, ``(height, width, 4)`` with straight alpha.

    Raises:
        BadInputError: If it is empty, or an array of another shape or type.
    """
    if isinstance(image, Pillow.Image):
        return _of_pillow(image)
    if isinstance(image, np.ndarray):
        return _of_array(image)
    return None


def _of_pillow(image: Pillow.Image) -> bytes:
    if not min(image.size):
        raise BadInputError("the image is empty")
    profile = image.info.get("icc_profile")
    flat = eight_bit(image)
    if flat.mode not in _IN_PNG:
        flat, profile = to_srgb(flat, profile), None
    file = BytesIO()
    flat.save(file, "PNG", compress_level=1, exif=b"", icc_profile=profile)
    return file.getvalue()


def _of_array(array: NDArray[np.generic]) -> bytes:
    shape = array.shape
    is_image = array.ndim == _GRAY or (
        array.ndim == _COLOR and shape[2] in {_COLOR, _WITH_ALPHA}
    )
    if array.dtype != np.uint8 or not is_image or not array.size:
        raise BadInputError(
            f"an array of {array.dtype} and shape {shape} is not an image: use uint8 "
            "and shape (height, width), (height, width, 3) or (height, width, 4)"
        )
    return png(np.ascontiguousarray(array))
