"""What can be had from a file: decoded in another process, for whoever asks here."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ambience.core.cancellation import Caller, current_caller
from ambience.core.errors import BadInputError, BadParameterError
from ambience.core.features import Feature, Image
from ambience.core.region import Region
from ambience.imaging.decoder_pool import Answer, Order, shared_pool
from ambience.imaging.encoding import LONGEST_SIDE
from ambience.imaging.limits import DEFAULT_LIMITS, MEBI, Limits
from ambience.imaging.opening import ImageInfo
from ambience.imaging.provenance import Provenance

# Decodes 1.5 megapixels, and a JPEG of 12 at the scale of a working image.
_PREPAID = 32 * MEBI
_OFTEN = frozenset({"features", "saved_from"})  # asked of every file of a folder


@dataclass(frozen=True, slots=True, eq=False)
class Extracted:
    """What was made of a file where it was decoded; the pixels stay there.

    Attributes:
        info: Its header.
        provenance: What the header tells of its past.
        features: One for each extractor.
    """

    info: ImageInfo
    provenance: Provenance
    features: tuple[Feature, ...]


def read(
    data: bytes, *, sides: Collection[int], limits: Limits, caller: Caller
) -> tuple[ImageInfo | None, Mapping[int, Image] | BadInputError]:
    """Return a file's header, if it has one, and its image at working sizes or why not.

    Args:
        data: The whole file.
        sides: The longest side of each size, in pixels; see `working_images`.
        limits: What the file may cost.
        caller: Who waits for it.

    Raises:
        UnavailableError: Nothing can be decoded now.
    """
    order = Order("working", {"sides": list(sides)}, data, limits, caller)
    answer = shared_pool().run(order)
    if answer.failure is not None or answer.info is None:
        return answer.info, answer.failure or BadInputError("there is no header")
    payload, images = np.frombuffer(answer.payload, np.uint8), []
    for said in answer.result["images"]:
        height, width, channels = said["shape"]
        pixels, payload = np.split(payload, [height * width * channels])
        alpha = None
        if said["has_alpha"]:
            alpha, payload = np.split(payload, [height * width])
            alpha = alpha.reshape(height, width)
        pixels = pixels.reshape(height, width, channels)
        images.append(Image(pixels=pixels, alpha=alpha, size=answer.info.size))
    of = zip(sides, answer.result["of"], strict=True)
    return answer.info, {side: images[number] for side, number in of}


def extracted(
    data: bytes, extractors: Sequence[str], *, limits: Limits = DEFAULT_LIMITS
) -> Extracted:
    """Return the features of a file's image, and what its header tells.

    The extractors see what `ImageFile.image` is, so features are equal to those made
    in this process. Only they are sent here, which for a small one takes far less
    time than the pixels do.

    Args:
        data: The whole file.
        extractors: Functions without arguments that return an `Extractor`, each as
            ``module:name``.
        limits: What the file may cost.

    Raises:
        BadInputError: What `full_pixels` raises, as `UnavailableError`.
    """
    answer = _made("features", {"extractors": list(extractors)}, data, limits)
    if answer.info is None:
        raise BadInputError("there is no header")
    known, start = answer.result["provenance"], 0
    features: list[Feature] = []
    for told in answer.result["features"]:
        shape, dtype = tuple(told["shape"]), np.dtype(told["dtype"])
        count = shape[0] * shape[1]
        rows = np.frombuffer(answer.payload, dtype, count, start).reshape(shape)
        start += rows.nbytes
        features.append(Feature(rows, told["quality"]))
    past = Provenance(**{**known, "steps": tuple(known["steps"])})
    return Extracted(answer.info, past, tuple(features))


def saved_from(
    data: bytes,
    tables: Sequence[Sequence[int]],
    *,
    limits: Limits = DEFAULT_LIMITS,
) -> list[bool]:
    """Tell which JPEGs an image of their size was decoded from and saved anew.

    Args:
        data: The whole file.
        tables: The `Provenance.steps` of each JPEG.
        limits: What the file may cost.

    Raises:
        BadInputError: What `full_pixels` raises, as `UnavailableError`.
    """
    options = {"tables": [list(steps) for steps in tables]}
    answers: list[bool] = _made("saved_from", options, data, limits).result[
        "saved_from"
    ]
    return answers


def full_pixels(data: bytes, *, limits: Limits = DEFAULT_LIMITS) -> NDArray[np.uint8]:
    """Return every pixel, to compare two files exactly.

    Returns:
        Upright sRGB with straight alpha, shape ``(height, width, 4)``, ``uint8``, in
        the size as displayed; alpha is 255 where the file has none, and colors under
        full transparency are 0. 16-bit values keep their high byte. Read only.

    Raises:
        NotAnImageError: These bytes are no image.
        UnsupportedImageError: An image of a kind that is not read here.
        TruncatedImageError: The file is damaged or incomplete.
        TooLargeError: More bytes, pixels, frames or memory than the limits allow.
        TooSlowError: It takes longer than the limits allow.
        UnavailableError: Nothing can be decoded now.
    """
    answer = _made("full", {}, data, limits)
    shape = answer.result["shape"]
    return np.frombuffer(answer.payload, np.uint8).reshape(shape)


def rendition(
    data: bytes, *, longest_side: int, limits: Limits = DEFAULT_LIMITS
) -> bytes:
    """Return a file's image in a form that every browser shows.

    Args:
        data: The whole file.
        longest_side: At most so many pixels, 1 to 16383; nothing is enlarged.
        limits: What the file may cost.

    Returns:
        A JPEG, or a WebP where there is transparency; `sniff` tells which.

    Raises:
        BadParameterError: `longest_side` is out of range.
        BadInputError: What `full_pixels` raises, as `UnavailableError`.
    """
    if not 1 <= longest_side <= LONGEST_SIDE:
        message = f"longest_side is {longest_side}: choose 1 to {LONGEST_SIDE} pixels"
        raise BadParameterError(message)
    return _made("rendition", {"longest_side": longest_side}, data, limits).payload


def part(data: bytes, region: Region, *, limits: Limits = DEFAULT_LIMITS) -> bytes:
    """Return a part of a file's image as a PNG, every pixel and its opacity kept.

    Args:
        data: The whole file.
        region: Which part.
        limits: What the file may cost.

    Raises:
        BadParameterError: The region is empty or not within the image.
        BadInputError: What `full_pixels` raises, as `UnavailableError`.
    """
    numbers = [region.x, region.y, region.width, region.height]
    return _made("part", {"region": numbers}, data, limits).payload


def _made(task: str, options: Mapping[str, Any], data: bytes, limits: Limits) -> Answer:
    prepaid = min(_PREPAID, limits.decoding_bytes) if task in _OFTEN else 0
    order = Order(task, options, data, limits, current_caller(), prepaid)
    answer = shared_pool().run(order)
    if answer.failure is not None:
        raise answer.failure
    return answer
