"""Reads the header of a file, and checks it before memory is spent on pixels."""

import re
import struct
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final

from ambience.imaging import webp
from ambience.imaging.decoders import Decoder, damage_translated, decoder
from ambience.imaging.exif import read_exif
from ambience.imaging.formats import Format, sniff
from ambience.imaging.gif_frames import gif_frames
from ambience.imaging.jpeg_scans import jpeg_scans
from ambience.imaging.limits import Limits
from ambience.imaging.tiff_tags import TagReader

_TRANSPOSED: Final = range(5, 9)  # EXIF orientations that swap height and width
_TILE_WIDTH, _TILE_LENGTH = 322, 323  # TIFF tags
_BOXES_BYTES: Final = 65536  # AVIF and HEIC declare sizes well before that


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """What the header of a file says.

    Attributes:
        format: The format, recognized by content.
        size: ``(height, width)`` in pixels, as displayed.
        taken_at: When the picture was taken by the camera's clock; ``None`` if the
            file doesn't say.
        frames: Frames of an animation or pages of a document, at least 1. Only the
            first (in a HEIC file, the primary image) is used.
    """

    format: Format
    size: tuple[int, int]
    taken_at: datetime | None = None
    frames: int = 1


@dataclass(frozen=True, slots=True)
class OpenedImage:
    """A file whose header has been read and checked, but whose pixels have not.

    Attributes:
        picture: The decoder, which returns pixels as stored.
        info: The header.
        orientation: The EXIF orientation, still to be applied, 1 to 8.
        byte_count: Size of the file in bytes.
        scans: How often a decode passes over all pixels; more than 1 only in a JPEG.
        names_camera: See `Exif.names_camera`.
    """

    picture: Decoder
    info: ImageInfo
    orientation: int
    byte_count: int
    scans: int = 1
    names_camera: bool = False


def open_image(data: bytes, limits: Limits) -> OpenedImage:
    """Read the header of a file and check it against the limits.

    Raises:
        NotAnImageError: If the bytes are not an image.
        UnsupportedImageError: If this kind of image can't be read here.
        TruncatedImageError: If the header is damaged or incomplete.
        TooLargeError: If it exceeds a limit on bytes, pixels, frames or scans.
    """
    limits.check_bytes(len(data))
    kind = sniff(data)
    with damage_translated(kind):
        _check_declared_size(data, kind, limits)
        picture = decoder(data, kind)
        width, height = picture.size
        limits.check_size(height, width)
        frames = _frames(data, kind, picture, limits)
        limits.check_frames(frames)
        scans = 1
        if kind is Format.JPEG:
            scans = jpeg_scans(data, most=limits.max_scans(height, width) + 1)
            limits.check_scans(scans, height, width)
        exif = read_exif(data if kind is Format.TIFF else _exif_block(picture))
    upright = exif.orientation not in _TRANSPOSED
    info = ImageInfo(
        format=kind,
        size=(height, width) if upright else (width, height),
        taken_at=exif.taken_at,
        frames=frames,
    )
    return OpenedImage(
        picture, info, exif.orientation, len(data), scans, exif.names_camera
    )


def _check_declared_size(data: bytes, kind: Format, limits: Limits) -> None:
    """Check sizes for which decoders allocate memory as soon as they open a file."""
    match kind:
        case Format.WEBP:
            width, height = webp.size(data)
            limits.check_size(height, width)
        case Format.AVIF | Format.HEIC:
            for box in re.finditer(rb"ispe.{4}(.{8})", data[:_BOXES_BYTES], re.DOTALL):
                width, height = struct.unpack(">II", box[1])
                limits.check_size(height, width)
        case Format.TIFF:
            tags = TagReader(data)
            main = tags.directory(tags.first_offset)
            length = tags.number(main, _TILE_LENGTH) or 0
            limits.check_size(length, tags.number(main, _TILE_WIDTH) or 0)
        case _:
            pass


def _frames(data: bytes, kind: Format, picture: Decoder, limits: Limits) -> int:
    """Return the number of frames, but stop counting once over the limit."""
    match kind:
        case Format.GIF:
            return gif_frames(data, most=limits.max_frames + 1)
        case Format.TIFF:
            pages = islice(TagReader(data).offsets(), limits.max_frames + 1)
            return max(1, sum(1 for _ in pages))
        case _:
            return int(getattr(picture, "n_frames", 1))


def _exif_block(picture: Decoder) -> bytes:
    block = picture.info.get("exif")
    return block if isinstance(block, bytes) else b""
