"""Compares a learned calibration with the shipped one, on copies of its own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ambience.calibrating.edited_copies import CopySource, EditedCopy, edited_copies
from ambience.core.features import ImageId
from ambience.core.matches import Answer
from ambience.fusion import Calibration, fuse

_K = 20  # images that each service is asked for, as in searches
_SEED = (1,)  # unlike the learner's: in small libraries both use the same images


@dataclass(slots=True)
class TrialTally:
    """The results of searches with the copies of one family of edits.

    Attributes:
        copies: How many images the copies show in total.
        found_shipped: How many of these the shipped calibration finds.
        found_learned: How many of these the learned calibration finds.
        false_shipped: Other images that the shipped calibration claims as copies.
        false_learned: Other images that the learned calibration claims as copies.
    """

    copies: int = 0
    found_shipped: int = 0
    found_learned: int = 0
    false_shipped: int = 0
    false_learned: int = 0

    @property
    def loses(self) -> bool:
        """Whether the learned calibration finds fewer copies or claims more others."""
        return (
            self.found_learned < self.found_shipped
            or self.false_learned > self.false_shipped
        )

    def count(
        self, copy: EditedCopy, shipped: set[ImageId], learned: set[ImageId]
    ) -> None:
        """Add the results of one copy: the images each calibration claims."""
        shown, alike = {one.image_id for one in copy.shown}, copy.alike
        self.copies += len(shown)
        self.found_shipped += len(shipped & shown)
        self.found_learned += len(learned & shown)
        self.false_shipped += len(shipped - alike)
        self.false_learned += len(learned - alike)


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """Searches with edited copies, and fuses every answer with both calibrations.

    The copies are made of other images than the learner's. In libraries too small for
    both, they are other copies of the same images. A copy that was already in the
    library, as the shipped calibration sees it, counts neither as found nor as false.

    Attributes:
        source: The library.
        sample: How many images to copy.
        edits: How many copies to make of each; the edits take turns.
    """

    source: CopySource
    sample: int = 64
    edits: int = 8

    def run(
        self,
        learned: Calibration,
        *,
        on_progress: Callable[[int, int], Any] = lambda *_: None,
    ) -> Mapping[str, TrialTally]:
        """Return the results of both, by family of edits.

        Args:
            learned: The calibration with what was learned.
            on_progress: Called with how many copies were searched with, and how many
                there are.
        """
        shipped = learned.as_shipped
        order = self.source.order()[::-1]  # the learner starts at the other end
        sample = list(self.source.sampled(order, self.sample, shipped))
        tallies: dict[str, TrialTally] = {}
        copies = edited_copies(sample, self.edits, seed=_SEED)
        for done, copy in enumerate(copies, 1):
            answers = self.source.answers(copy.query, k=_K, of=shipped.evidence)
            tallies.setdefault(copy.family, TrialTally()).count(
                copy, _claimed(answers, shipped), _claimed(answers, learned)
            )
            on_progress(done, len(sample) * self.edits)
        return tallies


def _claimed(answers: Mapping[str, Answer], calibration: Calibration) -> set[ImageId]:
    """Return the images that are claimed as copies."""
    found = fuse(answers, facts={}, calibration=calibration, k=_K)
    return {match.image_id for match in found if match.relation.is_copy}
