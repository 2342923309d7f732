"""The eight ways an upright image can be mirrored and turned by quarters."""

from enum import StrEnum


class Orientation(StrEnum):
    """What was done to an image, turns counted clockwise."""

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
        """Whether it turns a left hand into a right one."""
        return self in _MIRRORS

    @property
    def inverse(self) -> "Orientation":
        """What undoes it; all but two undo themselves."""
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
