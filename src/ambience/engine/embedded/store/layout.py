"""Converts features to bytes in the store, and back."""

import struct
import zlib

import numpy as np

from ambience.core.features import Feature, FeatureSpec, ImageId

# A value consists of the rows, a checksum, one byte of quality, and the sequence number
# of the change that wrote it. The rows come first to be aligned as LMDB aligns values.
# The value of a removed image has no rows.
#
# Values from before there were checksums have none, and a store may hold both kinds.
# They are told apart by the highest bit of the sequence number, which no sequence
# reaches; the length of a value would not tell for every length of rows.
_TRAILER = struct.Struct(">BQ")
_CHECKSUM = struct.Struct(">I")
_HAS_CHECKSUM = 2**63
_END = _TRAILER.size + _CHECKSUM.size
_FLAG_BYTE, _FLAG_BIT = -8, 0x80  # the position of `_HAS_CHECKSUM` in a value
_QUALITY_STEPS = 255
_ID = struct.Struct(">Q")  # big-endian, so that LMDB sorts keys by number


def key(number: int) -> bytes:
    """Return an id or a sequence number as a key."""
    return _ID.pack(number)


def number(key: bytes) -> int:
    """Return the number in a key or a counter."""
    return int(_ID.unpack(key)[0])


def image_id(key: bytes) -> ImageId:
    """Return the image id in a key."""
    return ImageId(number(key))


def pack(
    feature: Feature | None, *, image: bytes, seq: int, spec: FeatureSpec
) -> bytes:
    """Return the value for a feature; ``None`` marks a removed image.

    Args:
        feature: The feature.
        image: The key it is stored under; under any other key it counts as damaged.
        seq: The sequence number of the change.
        spec: The specification of the rows.
    """
    rows, quality = b"", 0
    if feature is not None:
        rows = np.ascontiguousarray(feature.rows, dtype=spec.dtype).tobytes()
        quality = round(feature.quality * _QUALITY_STEPS)
    trailer = _TRAILER.pack(quality, seq | _HAS_CHECKSUM)
    return rows + _CHECKSUM.pack(_checksum(image, rows, trailer)) + trailer


def has_checksum(value: bytes) -> bool:
    """Return whether a value has a checksum."""
    return len(value) >= _END and bool(value[_FLAG_BYTE] & _FLAG_BIT)


def rows_part(value: bytes) -> bytes:
    """Return the rows of a value, empty for a removed image."""
    return value[: -_END if has_checksum(value) else -_TRAILER.size]


def quality(value: bytes) -> float:
    """Return the quality in a value, 0 to 1 in steps of 1/255."""
    return float(_TRAILER.unpack(value[-_TRAILER.size :])[0]) / _QUALITY_STEPS


def seq(value: bytes) -> int:
    """Return the sequence number in a value; 0 if it is too short to have one."""
    if len(value) < _TRAILER.size:
        return 0
    return int(_TRAILER.unpack(value[-_TRAILER.size :])[1]) & ~_HAS_CHECKSUM


def is_intact(value: bytes, *, image: bytes, spec: FeatureSpec) -> bool:
    """Return whether a value is undamaged, as far as it can tell.

    Args:
        value: The bytes.
        image: The key they were found under.
        spec: The specification of the rows.
    """
    if not seq(value) or len(rows_part(value)) % spec.row_bytes:
        return False
    if not has_checksum(value):
        return True
    at = len(value) - _END
    (expected,) = _CHECKSUM.unpack(value[at : -_TRAILER.size])
    return bool(expected == _checksum(image, value[:at], value[-_TRAILER.size :]))


def with_checksum(value: bytes, *, image: bytes) -> bytes:
    """Return a value with a checksum of its current bytes."""
    if has_checksum(value):
        return value
    rows = rows_part(value)
    grade, change = _TRAILER.unpack(value[-_TRAILER.size :])
    trailer = _TRAILER.pack(grade, change | _HAS_CHECKSUM)
    return rows + _CHECKSUM.pack(_checksum(image, rows, trailer)) + trailer


def unpack(value: bytes, *, spec: FeatureSpec) -> Feature | None:
    """Return the feature in a value, ``None`` for a removed image."""
    part = rows_part(value)
    if not part:
        return None
    rows = np.frombuffer(part, dtype=spec.dtype).reshape(-1, spec.dim)
    return Feature(rows, quality(value))


def _checksum(image: bytes, rows: bytes, trailer: bytes) -> int:
    """Return the CRC-32 of everything in a value and of its key."""
    return zlib.crc32(trailer, zlib.crc32(rows, zlib.crc32(image)))
