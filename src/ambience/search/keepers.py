"""Chooses which of several copies to keep: the source, not a file made from it.

The first of these rules in which the copies differ decides:

1. The file exists.
2. It has the most pixels: no other copy is at least as large along both the longer and
   the shorter side. So squeezing a picture into a square doesn't make it larger.
3. It was not saved again from another copy. The coarse quantization steps of a JPEG
   remain visible in the coefficients, even if the new file is larger or lossless.
4. Its file names the camera.
5. It is lossless; then the JPEG with the finest steps.
6. Its file is the oldest.
7. Its name has no mark of a copy (``copy``, ``(1)``); then the shortest name.
8. The first path, then the lowest id.
"""

import re
from collections.abc import Sequence
from math import inf
from typing import Protocol, TypeAlias

from ambience.core.features import ImageId
from ambience.imaging import Provenance
from ambience.search.listed_image import ListedImage

# How systems and browsers name a second file: "a copy.jpg", "Copy of a.jpg",
# "a (1).jpg", "a - Copy (2).jpg", "a_copy2.jpg".
_COPY_MARK = re.compile(
    r"^copy of |[ _-]copy[ _-]?\d*$|[ _-]copy \(\d+\)$|\(\d+\)$", re.IGNORECASE
)


class FileHistory(Protocol):
    """Reads what files reveal about their past."""

    def provenance(self, image: ListedImage) -> Provenance:
        """Return what a file's header reveals; an empty record if it can't be read."""
        ...

    def saved_from(
        self, image: ListedImage, tables: Sequence[Sequence[int]]
    ) -> list[bool]:
        """See `ambience.imaging.saved_from`; all false if the file can't be read."""
        ...


_Rank: TypeAlias = tuple[bool, bool, float, float, bool, int, str, ImageId]


def keeper(copies: Sequence[ListedImage], history: FileHistory) -> ListedImage:
    """Return which image to keep, given one or more copies of each other.

    Files are only read if several with different content are left after the first two
    rules.
    """
    there = [copy for copy in copies if not copy.missing] or copies
    tied = _largest(there)
    if len({copy.sha256 for copy in tied}) == 1:
        return min(tied, key=lambda copy: _rank(copy, Provenance()))
    known = {copy.image_id: history.provenance(copy) for copy in tied}
    for copy in sorted(tied, key=lambda copy: _rank(copy, known[copy.image_id])):
        own = known[copy.image_id]
        coarser = {
            known[other.image_id].steps
            for other in tied
            if other.size == copy.size and _is_coarser(known[other.image_id], own)
        }
        if not coarser or not any(history.saved_from(copy, sorted(coarser))):
            return copy
    return min(tied, key=lambda copy: _rank(copy, known[copy.image_id]))


def _largest(copies: Sequence[ListedImage]) -> list[ListedImage]:
    """Return the copies of sizes that no other size exceeds or equals on both sides."""
    sides = {copy.image_id: (min(copy.size), max(copy.size)) for copy in copies}
    every = set(sides.values())
    largest = {
        (short, long)
        for short, long in every
        if not any(
            (a, b) != (short, long) and a >= short and b >= long for a, b in every
        )
    }
    return [copy for copy in copies if sides[copy.image_id] in largest]


def _is_coarser(other: Provenance, own: Provenance) -> bool:
    """Return whether a file could have been saved from a JPEG with coarser steps."""
    if not other.steps:
        return False
    return own.is_lossless or bool(own.steps and sum(own.steps) < sum(other.steps))


def _rank(copy: ListedImage, known: Provenance) -> _Rank:
    name = "" if copy.path is None else copy.path.stem
    return (
        not known.names_camera,
        not known.is_lossless,
        sum(known.steps) if known.steps else inf,
        inf if copy.modified_ns is None else copy.modified_ns,
        bool(_COPY_MARK.search(name)),
        len(name),
        str(copy.path),
        copy.image_id,
    )
