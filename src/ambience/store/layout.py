"""How a feature becomes bytes in the store, and back."""

import struct

import numpy as np

from ambience.core.features import Feature, FeatureSpec, ImageId

# A value is the rows, then one byte of quality, then the sequence number of the
# change that wrote it. Rows come first so that they are aligned as LMDB aligns
# values. A removed image leaves a value without rows.
_TRAILER = struct.Struct(">BQ")
_QUALITY_STEPS = 255
_ID = struct.Struct(">Q")  # big-endian, so that keys iterate in order


def key(number: int) -> bytes:
    """Return an id or a sequence number as a key."""
    return _ID.pack(number)


def number(key: bytes) -> int:
    """Return the number in a key or a counter."""
    return int(_ID.unpack(key)[0])


def image_id(key: bytes) -> ImageId:
    """Return the image id in a key."""
    return ImageId(number(key))


def pack(feature: Feature | None, *, seq: int, spec: FeatureSpec) -> bytes:
    """Return the value for a feature; ``None`` marks a removed image."""
    if feature is None:
        return _TRAILER.pack(0, seq)
    rows = np.ascontiguousarray(feature.rows, dtype=spec.dtype)
    quality = round(feature.quality * _QUALITY_STEPS)
    return rows.tobytes() + _TRAILER.pack(quality, seq)


def rows_part(value: bytes) -> bytes:
    """Return the rows of a value, empty for a removed image."""
    return value[: -_TRAILER.size]


def quality(value: bytes) -> float:
    """Return the quality in a value, 0 to 1 in steps of 1/255."""
    return float(_TRAILER.unpack(value[-_TRAILER.size :])[0]) / _QUALITY_STEPS


def seq(value: bytes) -> int:
    """Return the sequence number in a value."""
    return int(_TRAILER.unpack(value[-_TRAILER.size :])[1])


def unpack(value: bytes, *, spec: FeatureSpec) -> Feature | None:
    """Return the feature in a value, ``None`` for a removed image."""
    part = rows_part(value)
    if not part:
        return None
    rows = np.frombuffer(part, dtype=spec.dtype).reshape(-1, spec.dim)
    return Feature(rows, quality(value))
