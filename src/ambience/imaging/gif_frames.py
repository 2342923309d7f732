"""Counts the frames of a GIF by walking its blocks, without decoding them."""

from typing import Final

_HEADER_BYTES: Final = 13
_IMAGE_BYTES: Final = 10  # separator and image descriptor
_EXTENSION, _IMAGE = 0x21, 0x2C
_HAS_TABLE, _TABLE_BITS = 0x80, 0x07  # of the packed byte


def gif_frames(data: bytes, *, most: int) -> int:
    """Return the number of frames, at least 1 and at most ``most``.

    Counting stops at the end of the file, or at the first byte that makes no sense.
    Layout: GIF89a specification, sections 17 to 26.
    """
    frames = 0
    at = _HEADER_BYTES + _table_bytes(data, 10)
    while frames < most and at < len(data):
        if data[at] == _EXTENSION:
            at = _after_blocks(data, at + 2)
        elif data[at] == _IMAGE:
            frames += 1
            at = _after_blocks(data, at + _IMAGE_BYTES + _table_bytes(data, at + 9) + 1)
        else:
            break
    return max(frames, 1)


def _table_bytes(data: bytes, at: int) -> int:
    """Return the size in bytes of the color table that a packed byte announces."""
    packed = data[at] if at < len(data) else 0
    return 3 << ((packed & _TABLE_BITS) + 1) if packed & _HAS_TABLE else 0


def _after_blocks(data: bytes, at: int) -> int:
    """Return the position after a chain of blocks that ends with an empty one."""
    while at < len(data) and data[at]:
        at += data[at] + 1
    return at + 1
