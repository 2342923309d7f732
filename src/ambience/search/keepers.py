"""Chooses which of several copies to keep: the source rather than what was made of it.

By the first of these in which they differ:

1. its file is there;
2. most pixels: none of the others is larger, its longer and its shorter side compared;
   so a picture squeezed into a square is no larger than it was;
3. it was not saved anew from another of them: the coarse steps of a JPEG stay visible
   in its coefficients, however large or lossless the new file is;
4. its file names the camera;
5. it is lossless, then the JPEG with the finest steps;
6. the oldest file;
7. no mark of a copy in its name (``copy``, ``(1)``), then the shortest name;
8. path, then id.
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


class Past(Protocol):
    """Knows what files tell of their past."""

    def provenance(self, image: ListedImage) -> Provenance:
        """Return what the header of a file tells; nothing where it can't be read."""
        ...

    def saved_from(
        self, image: ListedImage, tables: Sequence[Sequence[int]]
    ) -> list[bool]:
        """See `ambience.imaging.saved_from`; never so where it can't be read."""
        ...


_Rank: TypeAlias = tuple[bool, bool, float, float, bool, int, str, ImageId]


def keeper(copies: Sequence[ListedImage], past: Past) -> ListedImage:
    """Return the one to keep of at least one image, all copies of each other.

    Files are looked at only where the first two rules leave more than one content.
    """
    there = [copy for copy in copies if not copy.missing] or copies
    tied = _largest(there)
    if len({copy.sha256 for copy in tied}) == 1:
        return min(tied, key=lambda copy: _rank(copy, Provenance()))
    known = {copy.image_id: past.provenance(copy) for copy in tied}
    for copy in sorted(tied, key=lambda copy: _rank(copy, known[copy.image_id])):
        own = known[copy.image_id]
        coarser = {
            known[other.image_id].steps
            for other in tied
            if other.size == copy.size and _is_coarser(known[other.image_id], own)
        }
        if not coarser or not any(past.saved_from(copy, sorted(coarser))):
            return copy
    return min(tied, key=lambda copy: _rank(copy, known[copy.image_id]))


def _largest(copies: Sequence[ListedImage]) -> list[ListedImage]:
    """Return those than which no other is at least as large along both sides."""
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
    """Tell whether a JPEG could be what a finer JPEG or a lossless file came from."""
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
