"""What was done of the work that waited for a service."""

from dataclasses import dataclass


@dataclass(slots=True)
class WorkDone:
    """What was done for one service, in numbers of images.

    Attributes:
        put: Images that it has now.
        removed: Images that it has forgotten.
        stuck: Images that it can't get: their file is gone, or can't be used.
        ended: Why the work ended early; empty if it did not.
    """

    put: int = 0
    removed: int = 0
    stuck: int = 0
    ended: str = ""

    @property
    def done(self) -> int:
        """How many images need no more work."""
        return self.put + self.removed + self.stuck

    def add(self, later: "WorkDone") -> None:
        """Add what was done later; the later reason to end counts."""
        self.put += later.put
        self.removed += later.removed
        self.stuck += later.stuck
        self.ended = later.ended
