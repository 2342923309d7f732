"""Learns from copies of the library's own images what each service's word is worth."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ambience.calibrating.edited_copies import CopySource, edited_copies
from ambience.core.features import ImageId
from ambience.core.matches import Answer, Background
from ambience.fusion import Calibration, Curve, Learned, Tried, Usual, fitted, read
from ambience.service import MAX_K


@dataclass(frozen=True, slots=True, eq=False)
class Learner:
    """Fits a calibration to a library.

    A sample of its images is edited in the ways of `ambience.imaging.edits`, and every
    service is asked for each copy. What it says of the image itself is said of copies;
    what it says of the others, of strangers, but for those that the library holds as
    copies of that image already.

    Each fit begins with what is shipped, which also says what the library holds as
    copies: what an earlier fit got wrong does not stay.

    Attributes:
        source: The library.
        sample: How many images copies are made of.
        edits: How many of each, in turn; of the 32 there are, each of 16 images.
    """

    source: CopySource
    sample: int = 64
    edits: int = 8

    def learn(
        self,
        before: Calibration,
        *,
        on_progress: Callable[[int, int], Any] = lambda *_: None,
    ) -> Learned | None:
        """Return what the library teaches as it is now.

        Args:
            before: The calibration in use. What was learned of services that are not
                there now is kept.
            on_progress: Told how many of how many copies were searched with.

        Returns:
            ``None`` if no image has a file that can be read.
        """
        source, order = self.source, self.source.order()
        shipped = before.as_shipped
        sample = list(source.drawn(order, self.sample, shipped))
        held = {
            service.name: service.status().get("count", 0)
            for service in source.services
        }
        tried = {
            name: _Notes(name, shipped, held.get(name, 0)) for name in shipped.evidence
        }
        for done, copy in enumerate(edited_copies(sample, self.edits), 1):
            for name, answer in source.answers(copy.query, k=MAX_K, of=tried).items():
                known = [one.image_id for one in copy.shown if name in one.named_by]
                tried[name].take(answer, known, copy.alike)
            on_progress(done, len(sample) * self.edits)
        if not sample:
            return None
        usual = {name: notes.usual() for name, notes in tried.items()}
        versions = {name: own.version for name, own in before.evidence.items()}
        kept = before.learned
        return Learned(
            images=len(order),
            curves={
                **kept.curves,
                **{name: notes.curve() for name, notes in tried.items()},
            },
            usual={
                **kept.usual,
                **{name: own for name, own in usual.items() if own is not None},
            },
            evidence_versions={**kept.evidence_versions, **versions},
        )


class _Notes:
    """What a service said, put down on its scale.

    Args:
        name: The service's.
        shipped: What every library begins with.
        images: That the service has.
    """

    def __init__(self, name: str, shipped: Calibration, images: int) -> None:
        self._scale = shipped.evidence[name].scale
        self._curve = shipped.curve(name)
        self._usual = shipped.usual(name)
        self._images = images
        self._tried = Tried()
        self._backgrounds: list[Background] = []

    def take(
        self, answer: Answer, shown: Sequence[ImageId], alike: frozenset[ImageId]
    ) -> None:
        """Take in an answer, if the service had anything to go by.

        Args:
            answer: To a copy.
            shown: What that shows, as far as the service has it.
            alike: All that it shows, and the library's own copies of that.
        """
        if answer.note:
            return
        tried, background = self._tried, None
        if self._usual is not None:
            background = self._usual.beside(answer.background)
        if answer.background is not None:
            self._backgrounds.append(answer.background)
        near = {
            match.image_id: read(self._scale, match.distance, background)
            for match in answer.matches
        }
        tried.copies += [near.get(image_id, math.inf) for image_id in shown]
        tried.strangers += [x for image_id, x in near.items() if image_id not in alike]
        tried.pairs += max(0, self._images - len(alike))
        if len(near) >= MAX_K:
            tried.complete = min(tried.complete, max(near.values()))

    def curve(self) -> Curve:
        """Return the curve that fits."""
        return fitted(self._tried, self._scale, before=self._curve) or self._curve

    def usual(self) -> Usual | None:
        """Return the background that all had together, if they are read against one."""
        if self._usual is None or not self._backgrounds:
            return self._usual
        means = np.array([own.mean for own in self._backgrounds])
        within = np.mean([own.deviation**2 for own in self._backgrounds])
        return Usual(
            mean=float(means.mean()), deviation=math.sqrt(within + means.var())
        )
