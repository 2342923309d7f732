"""How much a service has still to get, and how fast that goes."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BacklogState:
    """What waits for one service, in numbers of images.

    Attributes:
        waiting: It gets them as soon as it can.
        missed: Images that it could not take, stuck ones included; the others were
            put off, as it is slow.
        stuck: It can't get them, as they are; see `reasons`.
        reasons: Why, how many, and the first of them.
        rate: Images that it has got a second lately, from this process; ``None`` where
            that is unknown.
        ended: Why this process could not go on the last time; empty: it could.
    """

    waiting: int = 0
    missed: int = 0
    stuck: int = 0
    reasons: tuple[tuple[str, int, int], ...] = ()
    rate: float | None = None
    ended: str = ""

    @property
    def remaining_s(self) -> float | None:
        """How long the rest takes at this rate, in seconds; ``None``: unknown."""
        if not self.waiting:
            return 0.0
        return self.waiting / self.rate if self.rate else None
