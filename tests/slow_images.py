"""Files that are small and take long to decode, for tests."""

import re
from io import BytesIO

from PIL import Image

_SEGMENT = re.compile(rb"\xff\xda.*?(?=\xff[^\x00\xd0-\xd7])", re.DOTALL)


def repeated_scans(scans: int, *, side: int = 64) -> bytes:
    """Return a progressive JPEG of many scans: one of a drawn image's, repeated.

    Args:
        scans: So many more than a progressive JPEG has.
        side: Pixels of each side.
    """
    file = BytesIO()
    drawn = Image.radial_gradient("L").resize((side, side))
    drawn.save(file, "JPEG", progressive=True, quality=60)
    data = file.getvalue()
    last = list(_SEGMENT.finditer(data))[-1]
    return data[: last.end()] + scans * last[0] + data[last.end() :]


def slow_image() -> bytes:
    """Return an image that may be decoded, which takes seconds: 84 kB."""
    return repeated_scans(230, side=4096)
