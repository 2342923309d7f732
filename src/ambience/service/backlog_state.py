"""How many images a service still has to catch up on, and how fast it does."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BacklogState:
    """The backlog of one service, in numbers of images.

    Attributes:
        waiting: Images that it gets as soon as it can take them.
        missed: Images that it could not take when they came, stuck ones included. The
            rest of its backlog was put off because the service is slow.
        stuck: Images that it can't take as they are; see `reasons`.
        reasons: For each reason, the reason, how many images are stuck for it, and the
            id of the first.
        rate: Images per second that this process has given it lately; ``None`` if
            unknown.
        ended: Why this process had to stop the last time; empty if it didn't.
    """

    waiting: int = 0
    missed: int = 0
    stuck: int = 0
    reasons: tuple[tuple[str, int, int], ...] = ()
    rate: float | None = None
    ended: str = ""

    @property
    def remaining_s(self) -> float | None:
        """How long the rest takes at this rate, in seconds; ``None`` if unknown."""
        if not self.waiting:
            return 0.0
        return self.waiting / self.rate if self.rate else None
