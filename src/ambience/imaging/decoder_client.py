"""What callers can get from an image file; another process decodes it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ambience.core.cancellation import Caller, current_caller
from ambience.core.errors import BadInputError, BadParameterError
from ambience.core.features import Feature, Image
from ambience.core.region import Region
from ambience.imaging.decoder_pool import DecodeRequest, DecoderReply, shared_pool
from ambience.imaging.encoding import LONGEST_SIDE
from ambience.imaging.image_header import ImageInfo
from ambience.imaging.limits import DEFAULT_LIMITS, MEBI, Limits
from ambience.imaging.provenance import Provenance

# Enough for 1.5 megapixels, or for a 12 MP JPEG at the scale of a working image.
_PREPAID = 32 * MEBI
_OFTEN = frozenset({"features", "saved_from"})  # done for every file of a folder


@dataclass(frozen=True, slots=True, eq=False)
class ExtractedFeatures:
    """The features extracted from a file by the process that decoded it.

    Attributes:
        info: The header.
        provenance: What the header reveals about the file's past.
        features: One feature per extractor.
    """

    info: ImageInfo
    provenance: Provenance
    features: tuple[Feature, ...]


def decoded_images(
    data: bytes, *, sides: Collection[int], limits: Limits, caller: Caller
) -> tuple[ImageInfo | None, Mapping[int, Image] | BadInputError]:
    """Return a file's header and its image at working sizes.

    Args:
        data: The whole file.
        sides: The longest side of each size, in pixels; see `working_images`.
        limits: What decoding the file may cost.
        caller: Who is waiting for it.

    Returns:
        The header, or ``None`` if it can't be read, and the images by side, or the
        error if the pixels can't be decoded.

    Raises:
        UnavailableError: If no image can be decoded now.
    """
    request = DecodeRequest("working", {"sides": list(sides)}, data, limits, caller)
    reply = shared_pool().run(request)
    if reply.failure is not None or reply.info is None:
        return reply.info, reply.failure or BadInputError("there is no header")
    payload, images = np.frombuffer(reply.payload, np.uint8), []
    for layout in reply.result["images"]:
        height, width, channels = layout["shape"]
        pixels, payload = np.split(payload, [height * width * channels])
        alpha = None
        if layout["has_alpha"]:
            alpha, payload = np.split(payload, [height * width])
            alpha = alpha.reshape(height, width)
        pixels = pixels.reshape(height, width, channels)
        images.append(Image(pixels=pixels, alpha=alpha, size=reply.info.size))
    of = zip(sides, reply.result["of"], strict=True)
    return reply.info, {side: images[number] for side, number in of}


def extracted(
    data: bytes, extractors: Sequence[str], *, limits: Limits = DEFAULT_LIMITS
) -> ExtractedFeatures:
    """Return the features of a file's image, and what its header reveals.

    The extractors get the same pixels as `ImageFile.image`, so the features equal those
    made in this process. Sending features here takes far less time than sending pixels.

    Args:
        data: The whole file.
        extractors: Functions without arguments that return an `Extractor`, each as
            ``module:name``.
        limits: What decoding the file may cost.

    Raises:
        BadInputError: See `full_pixels`.
        UnavailableError: If no image can be decoded now.
    """
    reply = _reply("features", {"extractors": list(extractors)}, data, limits)
    if reply.info is None:
        raise BadInputError("there is no header")
    known, start = reply.result["provenance"], 0
    features: list[Feature] = []
    for layout in reply.result["features"]:
        shape, dtype = tuple(layout["shape"]), np.dtype(layout["dtype"])
        count = shape[0] * shape[1]
        rows = np.frombuffer(reply.payload, dtype, count, start).reshape(shape)
        start += rows.nbytes
        features.append(Feature(rows, layout["quality"]))
    provenance = Provenance(**{**known, "steps": tuple(known["steps"])})
    return ExtractedFeatures(reply.info, provenance, tuple(features))


def saved_from(
    data: bytes,
    tables: Sequence[Sequence[int]],
    *,
    limits: Limits = DEFAULT_LIMITS,
) -> list[bool]:
    """Return from which JPEGs of the same size an image was saved.

    Args:
        data: The whole file.
        tables: The `Provenance.steps` of each JPEG.
        limits: What decoding the file may cost.

    Raises:
        BadInputError: See `full_pixels`.
        UnavailableError: If no image can be decoded now.
    """
    options = {"tables": [list(steps) for steps in tables]}
    reply = _reply("saved_from", options, data, limits)
    results: list[bool] = reply.result["saved_from"]
    return results


def full_pixels(data: bytes, *, limits: Limits = DEFAULT_LIMITS) -> NDArray[np.uint8]:
    """Return every pixel, to compare two files exactly.

    Returns:
        Read-only pixels, as `ambience.imaging.decoding.full_pixels` returns them.

    Raises:
        NotAnImageError: If the bytes are not an image.
        UnsupportedImageError: If this kind of image can't be read here.
        TruncatedImageError: If the file is damaged or incomplete.
        TooLargeError: If it exceeds a limit on bytes, pixels, frames or memory.
        TooSlowError: If decoding takes longer than the limit.
        UnavailableError: If no image can be decoded now.
    """
    reply = _reply("full", {}, data, limits)
    shape = reply.result["shape"]
    return np.frombuffer(reply.payload, np.uint8).reshape(shape)


def rendition(
    data: bytes, *, longest_side: int, limits: Limits = DEFAULT_LIMITS
) -> bytes:
    """Return a file's image in a form that every browser shows.

    Args:
        data: The whole file.
        longest_side: The longest side in pixels, 1 to 16383; nothing is enlarged.
        limits: What decoding the file may cost.

    Returns:
        A WebP if the image has transparency, otherwise a JPEG; `sniff` tells which.

    Raises:
        BadParameterError: If `longest_side` is out of range.
        BadInputError: See `full_pixels`.
        UnavailableError: If no image can be decoded now.
    """
    if not 1 <= longest_side <= LONGEST_SIDE:
        message = f"longest_side is {longest_side}: choose 1 to {LONGEST_SIDE} pixels"
        raise BadParameterError(message)
    return _reply("rendition", {"longest_side": longest_side}, data, limits).payload


def part(data: bytes, region: Region, *, limits: Limits = DEFAULT_LIMITS) -> bytes:
    """Return a part of a file's image as a PNG, without losing pixels or opacity.

    Args:
        data: The whole file.
        region: The part.
        limits: What decoding the file may cost.

    Raises:
        BadParameterError: If the region is empty or not within the image.
        BadInputError: See `full_pixels`.
        UnavailableError: If no image can be decoded now.
    """
    numbers = [region.x, region.y, region.width, region.height]
    return _reply("part", {"region": numbers}, data, limits).payload


def _reply(
    task: str, options: Mapping[str, Any], data: bytes, limits: Limits
) -> DecoderReply:
    prepaid = min(_PREPAID, limits.decoding_bytes) if task in _OFTEN else 0
    request = DecodeRequest(task, options, data, limits, current_caller(), prepaid)
    reply = shared_pool().run(request)
    if reply.failure is not None:
        raise reply.failure
    return reply
