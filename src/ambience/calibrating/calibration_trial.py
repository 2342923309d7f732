"""Tries a calibration on copies it was not learned from, beside the shipped one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ambience.calibrating.edited_copies import CopySource, EditedCopy, edited_copies
from ambience.core.features import ImageId
from ambience.core.matches import Answer
from ambience.fusion import Calibration, fuse

_K = 20  # images asked of each service, as in searches
_SEED = (1,)  # not the learner's: in small libraries it makes copies of the same images


@dataclass(slots=True)
class Tally:
    """What searches with the copies of one family of edits gave.

    Attributes:
        copies: How many images they show, each time one is shown.
        found_shipped: How many of those were found with the shipped calibration.
        found_learned: And with the learned one.
        false_shipped: Other images claimed as copies with the shipped calibration.
        false_learned: And with the learned one.
    """

    copies: int = 0
    found_shipped: int = 0
    found_learned: int = 0
    false_shipped: int = 0
    false_learned: int = 0

    @property
    def loses(self) -> bool:
        """Whether fewer copies are found, or more strangers claimed."""
        return (
            self.found_learned < self.found_shipped
            or self.false_learned > self.false_shipped
        )

    def take(
        self, copy: EditedCopy, shipped: set[ImageId], learned: set[ImageId]
    ) -> None:
        """Count what was claimed of one copy with each calibration."""
        shown, alike = {drawn.image_id for drawn in copy.shown}, copy.alike
        self.copies += len(shown)
        self.found_shipped += len(shipped & shown)
        self.found_learned += len(learned & shown)
        self.false_shipped += len(shipped - alike)
        self.false_learned += len(learned - alike)


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """Searches with edited copies, and judges every answer by two calibrations.

    The copies are of other images than those that the learner takes, or, in libraries
    too small for both, other copies of the same. An image that the library holds as a
    copy of what is shown, by the shipped calibration, is neither found nor false.

    Attributes:
        source: The library.
        sample: How many images copies are made of.
        edits: How many of each, in turn.
    """

    source: CopySource
    sample: int = 64
    edits: int = 8

    def run(
        self,
        learned: Calibration,
        *,
        on_progress: Callable[[int, int], Any] = lambda *_: None,
    ) -> Mapping[str, Tally]:
        """Return what both find, by family of edits.

        Args:
            learned: What was learned, which goes before what is shipped.
            on_progress: Told how many of how many copies were searched with.
        """
        shipped = learned.as_shipped
        order = self.source.order()[::-1]  # the learner begins at the other end
        sample = list(self.source.drawn(order, self.sample, shipped))
        tallies: dict[str, Tally] = {}
        copies = edited_copies(sample, self.edits, seed=_SEED)
        for done, copy in enumerate(copies, 1):
            answers = self.source.answers(copy.query, k=_K, of=shipped.evidence)
            tallies.setdefault(copy.family, Tally()).take(
                copy, _claimed(answers, shipped), _claimed(answers, learned)
            )
            on_progress(done, len(sample) * self.edits)
        return tallies


def _claimed(answers: Mapping[str, Answer], calibration: Calibration) -> set[ImageId]:
    """Return the images that are claimed as copies."""
    found = fuse(answers, facts={}, calibration=calibration, k=_K)
    return {match.image_id for match in found if match.relation.is_copy}
