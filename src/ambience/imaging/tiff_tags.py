"""Reads the tags of TIFF files and EXIF blocks, without trusting a byte.

Layouts: TIFF 6.0 section 2 and, for 64-bit offsets, the BigTIFF design.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

ASCII: Final = 2
SHORT: Final = 3
LONG: Final = 4
_CODES: Final[Mapping[int, str]] = {SHORT: "H", LONG: "I", 13: "I", 16: "Q", 18: "Q"}
_BIG_TIFF: Final = 43  # in place of 42, with sizes of 64 bits
_MAX_ENTRIES: Final = 4096  # directories hold dozens; a larger count is hostile


@dataclass(frozen=True, slots=True)
class Tag:
    """One entry of a directory: the type, number and position of its values."""

    kind: int
    count: int
    position: int


Directory: TypeAlias = Mapping[int, Tag]
"""The tags of one directory, by number."""


class TagReader:
    """Reads directories from a TIFF file or an EXIF block; damaged ones seem absent.

    Args:
        block: The whole file, or the block without its ``Exif`` mark.
    """

    def __init__(self, block: bytes) -> None:
        self._block = block
        self._order = {b"II": "<", b"MM": ">"}.get(block[:2], "")
        self._big = bool(self._order) and self._read("H", 2) == _BIG_TIFF
        self._offset_code = "Q" if self._big else "I"
        self._inline_bytes = 8 if self._big else 4
        self.first_offset = self._read(self._offset_code, 8 if self._big else 4) or 0

    def directory(self, offset: int) -> Directory:
        """Return the directory at an offset; an empty one if there is none."""
        count = self._read("Q" if self._big else "H", offset) if offset else None
        if not count or count > _MAX_ENTRIES:
            return {}
        start = offset + (8 if self._big else 2)
        entry_bytes = 20 if self._big else 12
        tags: dict[int, Tag] = {}
        for at in range(start, start + count * entry_bytes, entry_bytes):
            number, kind = self._read("H", at), self._read("H", at + 2)
            values = self._read(self._offset_code, at + 4)
            if number is None or kind is None or values is None:
                break
            position = at + 4 + self._inline_bytes
            if values * _bytes_of(kind) > self._inline_bytes:
                position = self._read(self._offset_code, position) or len(self._block)
            tags.setdefault(number, Tag(kind, values, position))
        return tags

    def offsets(self) -> Iterator[int]:
        """Yield the offset of each directory in the chain: the pages of a document."""
        offset, seen = self.first_offset, set[int]()
        while offset and offset not in seen:
            count = self._read("Q" if self._big else "H", offset)
            if not count:
                return
            seen.add(offset)
            yield offset
            end = offset + (8 + 20 * count if self._big else 2 + 12 * count)
            offset = self._read(self._offset_code, end) or 0

    def number(self, directory: Directory, tag: int) -> int | None:
        """Return the first value of an integer tag; ``None`` if there is none."""
        entry = directory.get(tag)
        if entry is None or entry.kind not in _CODES or not entry.count:
            return None
        return self._read(_CODES[entry.kind], entry.position)

    def text(self, directory: Directory, tag: int) -> str:
        """Return the value of a text tag; empty if there is none."""
        entry = directory.get(tag)
        if entry is None or entry.kind != ASCII:
            return ""
        raw = self._block[entry.position : entry.position + entry.count]
        return raw.split(b"\x00")[0].decode("latin-1").strip()

    def _read(self, code: str, at: int) -> int | None:
        try:
            value: int = struct.unpack_from(self._order + code, self._block, at)[0]
        except (struct.error, OverflowError):
            return None
        return value if self._order else None


def _bytes_of(kind: int) -> int:
    return struct.calcsize("=" + _CODES[kind]) if kind in _CODES else 1
