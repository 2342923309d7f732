"""Tries a calibration on copies that it was not learned from, beside the one in use."""

import threading
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
        found_before: How many of those were found with the calibration in use.
        found_after: And with the other one.
        false_before: Other images claimed as copies with the calibration in use.
        false_after: And with the other one.
    """

    copies: int = 0
    found_before: int = 0
    found_after: int = 0
    false_before: int = 0
    false_after: int = 0

    @property
    def loses(self) -> bool:
        """Whether fewer copies are found, or more strangers claimed."""
        return (
            self.found_after < self.found_before or self.false_after > self.false_before
        )

    def take(self, copy: EditedCopy, before: set[ImageId], after: set[ImageId]) -> None:
        """Count what was claimed of one copy with each calibration."""
        shown, alike = {drawn.image_id for drawn in copy.shown}, copy.alike
        self.copies += len(shown)
        self.found_before += len(before & shown)
        self.found_after += len(after & shown)
        self.false_before += len(before - alike)
        self.false_after += len(after - alike)


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """Searches with edited copies, and judges every answer by two calibrations.

    The copies are of other images than those that the learner takes, or, in libraries
    too small for both, other copies of the same. An image that the library holds as a
    copy of what is shown, by the calibration in use, is neither found nor false.

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
        before: Calibration,
        after: Calibration,
        *,
        stop: threading.Event,
        on_progress: Callable[[int, int], Any] = lambda *_: None,
    ) -> Mapping[str, Tally]:
        """Return what both find, by family of edits.

        Args:
            before: The calibration in use.
            after: The other one.
            stop: Once set, nothing more is done.
            on_progress: Told how many of how many copies were searched with.
        """
        order = self.source.order()[::-1]  # the learner begins at the other end
        sample = list(self.source.drawn(order, self.sample, before, stop=stop))
        tallies: dict[str, Tally] = {}
        copies = edited_copies(sample, self.edits, seed=_SEED)
        for done, copy in enumerate(copies, 1):
            if stop.is_set():
                break
            answers = self.source.answers(copy.query, k=_K, of=before.evidence)
            tallies.setdefault(copy.family, Tally()).take(
                copy, _claimed(answers, before), _claimed(answers, after)
            )
            on_progress(done, len(sample) * self.edits)
        return tallies


def _claimed(answers: Mapping[str, Answer], calibration: Calibration) -> set[ImageId]:
    """Return the images that are claimed as copies."""
    found = fuse(answers, facts={}, calibration=calibration, k=_K)
    return {match.image_id for match in found if match.relation.is_copy}
