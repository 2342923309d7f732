"""Learns what the distances of each service are worth in one library."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ambience.calibrating.edited_copies import CopySource, edited_copies
from ambience.core.features import ImageId
from ambience.core.matches import Answer, BackgroundDistances
from ambience.fusion import (
    Calibration,
    Curve,
    Learned,
    Observations,
    UsualBackground,
    fitted_curve,
    scaled_distance,
)
from ambience.service import MAX_K


@dataclass(frozen=True, slots=True, eq=False)
class Learner:
    """Fits a calibration to a library.

    A sample of its images is edited in the ways of `ambience.imaging.edits`, and every
    service is searched with each copy. The distance to the image itself is one of a
    copy. The distances to the other images are those of strangers, except for the
    copies of that image that were already in the library.

    Each fit starts from the shipped calibration, which also decides which images are
    already copies. So the errors of an earlier fit don't persist.

    Attributes:
        source: The library.
        sample: How many images to copy.
        edits: How many copies to make of each; the edits take turns. By default, each
            of the 32 edits is made of 16 images.
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
        """Return what is learned from the library in its present state.

        Args:
            before: The calibration in use. What was learned about services that are
                now missing is kept.
            on_progress: Called with how many copies were searched with, and how many
                there are.

        Returns:
            ``None`` if no image has a file that can be read.
        """
        source, order = self.source, self.source.order()
        shipped = before.as_shipped
        sample = list(source.sampled(order, self.sample, shipped))
        held = {
            service.name: service.status().get("count", 0)
            for service in source.services
        }
        notes = {
            name: _Notes(name, shipped, held.get(name, 0)) for name in shipped.evidence
        }
        for done, copy in enumerate(edited_copies(sample, self.edits), 1):
            for name, answer in source.answers(copy.query, k=MAX_K, of=notes).items():
                known = [one.image_id for one in copy.shown if name in one.named_by]
                notes[name].add(answer, known, copy.alike)
            on_progress(done, len(sample) * self.edits)
        if not sample:
            return None
        usual = {name: own.usual() for name, own in notes.items()}
        versions = {name: own.version for name, own in before.evidence.items()}
        kept = before.learned
        return Learned(
            images=len(order),
            curves={
                **kept.curves,
                **{name: own.curve() for name, own in notes.items()},
            },
            usual={
                **kept.usual,
                **{name: own for name, own in usual.items() if own is not None},
            },
            evidence_versions={**kept.evidence_versions, **versions},
        )


class _Notes:
    """The answers of one service, on its scale.

    Args:
        name: The service.
        shipped: The shipped calibration.
        images: How many images the service stores.
    """

    def __init__(self, name: str, shipped: Calibration, images: int) -> None:
        self._scale = shipped.evidence[name].scale
        self._curve = shipped.curve(name)
        self._usual = shipped.usual(name)
        self._images = images
        self._observed = Observations()
        self._backgrounds: list[BackgroundDistances] = []

    def add(
        self, answer: Answer, shown: Sequence[ImageId], alike: frozenset[ImageId]
    ) -> None:
        """Add an answer, unless the service could not tell.

        Args:
            answer: The answer to a copy.
            shown: The images that the copy shows and the service stores.
            alike: All images that the copy shows, and their copies already in the
                library.
        """
        if answer.note:
            return
        observed, background = self._observed, None
        if self._usual is not None:
            background = self._usual.combined_with(answer.background)
        if answer.background is not None:
            self._backgrounds.append(answer.background)
        near = {
            match.image_id: scaled_distance(self._scale, match.distance, background)
            for match in answer.matches
        }
        observed.copies += [near.get(image_id, math.inf) for image_id in shown]
        observed.strangers += [x for i, x in near.items() if i not in alike]
        observed.pairs += max(0, self._images - len(alike))
        if len(near) >= MAX_K:
            observed.complete = min(observed.complete, max(near.values()))

    def curve(self) -> Curve:
        """Return the curve that fits; the shipped one if there is too little to fit."""
        curve = fitted_curve(self._observed, self._scale, before=self._curve)
        return curve or self._curve

    def usual(self) -> UsualBackground | None:
        """Return the mean background of all answers, if the service has one."""
        if self._usual is None or not self._backgrounds:
            return self._usual
        means = np.array([own.mean for own in self._backgrounds])
        within = np.mean([own.deviation**2 for own in self._backgrounds])
        return UsualBackground(
            mean=float(means.mean()), deviation=math.sqrt(within + means.var())
        )
