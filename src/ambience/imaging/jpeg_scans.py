"""Counts the scans of a JPEG, each of which takes a pass over the whole image."""

import re
from typing import Final

_FRAME_START: Final = 2  # after the signature of the file
_SCAN, _END = 0xDA, 0xD9
_SCAN_START: Final = b"\xff\xda"  # can't occur within the data of a scan
_BARE: Final = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a length
# In the data of a scan, 0xFF is followed by 0 or by a restart marker.
_MARKER: Final = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])", re.DOTALL)


def jpeg_scans(data: bytes, *, most: int) -> int:
    """Return the number of scans, at most ``most``.

    Counting stops at the end of the image or file, or at the first bytes that make no
    sense. Scans of images embedded in a segment, or after the end, aren't counted.
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
        if next_scan < at:  # the loop ends when there are no more scans to count
            next_scan = data.find(_SCAN_START, at)
    return scans
