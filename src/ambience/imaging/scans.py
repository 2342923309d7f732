"""Scans of a JPEG: each is one more pass over all of the image."""

import re
from typing import Final

_FRAME_START: Final = 2  # behind the mark of the file
_SCAN, _END = 0xDA, 0xD9
_SCAN_START: Final = b"\xff\xda"  # in the data of a scan, too, only where one starts
_BARE: Final = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a length
# In the data of a scan, 0xFF is followed by 0 or by a restart marker.
_MARKER: Final = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])", re.DOTALL)


def jpeg_scans(data: bytes, *, most: int) -> int:
    """Return the number of scans, at most `most`.

    Counting ends with the image, where the file does, or at the first bytes that make
    no sense; what is embedded in a segment or follows the image doesn't count.
    Layout: ITU-T T.81, annex B.
    """
    scans = 0
    at = _FRAME_START
    next_scan = data.find(_SCAN_START)
    while scans < most and next_scan >= 0 and (found := _MARKER.search(data, at)):
        at, kind = found.end(), found[1][0]
        if kind == _END:
            break
        if kind in _BARE:
            continue
        if kind == _SCAN:
            scans += 1
        at += int.from_bytes(data[at : at + 2], "big")
        if next_scan < at:  # nothing is left to count behind the last of them
            next_scan = data.find(_SCAN_START, at)
    return scans
