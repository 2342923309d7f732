"""What was done of the work that waited for a service."""

from dataclasses import dataclass


@dataclass(slots=True)
class MadeUp:
    """What was made up for at one service, in numbers of images.

    Attributes:
        put: It has them now, as they are.
        removed: It has forgotten them.
        stuck: Can't be had: their file is not there, or can't be used.
        ended: Why it ended early; empty if it did not.
    """

    put: int = 0
    removed: int = 0
    stuck: int = 0
    ended: str = ""

    @property
    def done(self) -> int:
        """How many images need no more work."""
        return self.put + self.removed + self.stuck

    def add(self, later: "MadeUp") -> None:
        """Add what was done later; why it ended is what is said last."""
        self.put += later.put
        self.removed += later.removed
        self.stuck += later.stuck
        self.ended = later.ended
