"""Counts which copies were found, named and placed rightly, and what was false."""

import statistics
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import takewhile

import numpy as np
from numpy.typing import NDArray

from ambience.core.geometry import mapped
from ambience.imaging.edits import Placed

Matrix = NDArray[np.float64]

# Wide where few matches fall, narrow where most do.
EDGES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.99)


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """What is searched with.

    Attributes:
        subject: The photograph it is made of, by number.
        edit: How; empty for a stranger as it is.
        data: The encoded image.
        shown: The indexed photographs that it shows, by number.
        placed: Where; `Placed.original` counts in ``shown``.
        sizes: ``(height, width)`` of each of ``shown``.
        relations: What would be right to say.
    """

    subject: int
    edit: str
    data: bytes
    shown: tuple[int, ...] = ()
    placed: tuple[Placed, ...] = ()
    sizes: tuple[tuple[int, int], ...] = ()
    relations: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, eq=False)
class Claim:
    """Somebody's word that the query is a copy of a photograph.

    Attributes:
        number: Of the photograph.
        score: How probable that is, as far as it is said.
        relation: In which way, as far as it is said.
        transform: Takes points of the query to points of the photograph, shape
            ``(3, 3)``, as far as it is said.
    """

    number: int
    score: float = 1.0
    relation: str = ""
    transform: Matrix | None = None


@dataclass(slots=True)
class Outcome:
    """What became of the copies of one edit.

    Attributes:
        sought: How many originals there were to find.
        found: How many were.
        relations: What was said of those, by how often.
        named: How often that was right.
        place_errors: Of those, how far they were misplaced, in percent.
        took_ms: One search each.
        missed: The photographs that were not found, by number.
    """

    sought: int = 0
    found: int = 0
    relations: Counter[str] = field(default_factory=Counter)
    named: int = 0
    place_errors: list[float] = field(default_factory=list)
    took_ms: list[float] = field(default_factory=list)
    missed: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Tally:
    """What became of all queries, for one way to search.

    Attributes:
        outcomes: By edit.
        strangers: How many were searched with.
        fooled: With how many of those something was found.
        pairs: How many times a query met an indexed photograph that it doesn't show.
        false: The edits with which that was called a copy, by photographs: whose
            copy the query is, and what was claimed.
        judged: Score of each claim, and whether it was right.
        took_ms: All searches.
    """

    outcomes: defaultdict[str, Outcome] = field(
        default_factory=lambda: defaultdict(Outcome)
    )
    strangers: int = 0
    fooled: int = 0
    pairs: int = 0
    false: defaultdict[tuple[int, int], list[str]] = field(
        default_factory=lambda: defaultdict(list)
    )
    judged: list[tuple[float, bool]] = field(default_factory=list)
    took_ms: list[float] = field(default_factory=list)

    def count(
        self, query: Query, claims: Sequence[Claim], *, indexed: int, took_ms: float
    ) -> None:
        """Take in the answer to one search, best claim first."""
        self.took_ms.append(took_ms)
        self.pairs += indexed - len(query.shown)
        wrong = [claim for claim in claims if claim.number not in query.shown]
        for claim in wrong:
            said = " ".join(filter(None, [query.edit or "as it is", claim.relation]))
            self.false[query.subject, claim.number].append(said)
        self.judged += [(c.score, c.number in query.shown) for c in claims]
        if query.edit:
            self._count_found(query, claims, took_ms)
        else:
            self.strangers += 1
            self.fooled += bool(wrong)

    def _count_found(
        self, query: Query, claims: Sequence[Claim], took_ms: float
    ) -> None:
        outcome = self.outcomes[query.edit]
        outcome.took_ms.append(took_ms)
        outcome.sought += len(query.shown)
        # What comes after a wrong image is not found.
        right = list(takewhile(lambda claim: claim.number in query.shown, claims))
        outcome.found += len(right)
        outcome.relations.update(claim.relation for claim in right)
        outcome.named += sum(claim.relation in query.relations for claim in right)
        outcome.place_errors += [
            place_error(claim.transform, query, claim.number)
            for claim in right
            if claim.transform is not None
        ]
        outcome.missed += {*query.shown} - {claim.number for claim in right}

    @property
    def false_copies(self) -> int:
        """How many claims were false."""
        return sum(map(len, self.false.values()))


def place_error(transform: Matrix, query: Query, number: int) -> float:
    """Return how far a corner of an original's region is misplaced at most.

    The farthest corner, on the original, in percent of its longest side.
    """
    at = query.shown.index(number)
    (place,) = (placed for placed in query.placed if placed.original == at)
    with np.errstate(divide="ignore", invalid="ignore"):
        guess = mapped(transform, place.region)
        off = np.linalg.norm(guess - mapped(place.transform, place.region), axis=1)
    far = float(np.nan_to_num(off, nan=np.inf).max())
    return 100 * far / max(query.sizes[at])


def calibration(
    judged: Sequence[tuple[float, bool]], *, edges: Sequence[float] = EDGES
) -> tuple[list[list[str]], float]:
    """Return a table of scores beside the share that was right, and their gap.

    Args:
        judged: Scores, and whether each was right.
        edges: Where the ranges of the table begin.

    Returns:
        Rows of range, matches, mean score, right share; and the expected calibration
        error: how far the last two are apart, as the mean over all matches.
    """
    rows, gap = [], 0.0
    for low, high in zip(edges, (*edges[1:], np.inf), strict=True):
        within = [(score, right) for score, right in judged if low <= score < high]
        label = f"{low:g} to {min(high, 1):g}"
        if not within:
            rows.append([label, "0", "", ""])
            continue
        score = statistics.fmean(score for score, _ in within)
        right = statistics.fmean(right for _, right in within)
        gap += len(within) / len(judged) * abs(right - score)
        rows.append([label, str(len(within)), f"{score:.4f}", f"{right:.4f}"])
    return rows, gap
