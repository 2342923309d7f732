"""The eight ways to mirror an image and turn it by quarters."""

from enum import StrEnum


class Orientation(StrEnum):
    """How an image was mirrored or turned; turns are clockwise."""

    UPRIGHT = "upright"
    MIRRORED = "mirrored"  # left and right swapped
    FLIPPED = "flipped"  # top and bottom swapped
    ROTATED_90 = "rotated_90"
    ROTATED_180 = "rotated_180"
    ROTATED_270 = "rotated_270"
    TRANSPOSED = "transposed"  # mirrored on the diagonal from the top left
    TRANSVERSED = "transversed"  # mirrored on the other diagonal

    @property
    def mirrors(self) -> bool:
        """Whether it turns a picture of a left hand into that of a right one."""
        return self in _MIRRORS

    @property
    def inverse(self) -> "Orientation":
        """The orientation that undoes this one; all but two undo themselves."""
        return _UNDONE.get(self, self)


_UNDONE = {
    Orientation.ROTATED_90: Orientation.ROTATED_270,
    Orientation.ROTATED_270: Orientation.ROTATED_90,
}
_MIRRORS = frozenset(
    {
        Orientation.MIRRORED,
        Orientation.FLIPPED,
        Orientation.TRANSPOSED,
        Orientation.TRANSVERSED,
    }
)
