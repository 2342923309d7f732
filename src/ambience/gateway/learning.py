"""Learns from copies of the library's own images what each service's word is worth."""

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ambience.catalog import Catalog
from ambience.core.errors import BadInputError, StoredDataError, UnavailableError
from ambience.core.features import ImageId
from ambience.core.matches import Answer, Background
from ambience.fusion import (
    COPIES,
    SCALES,
    Calibration,
    Curve,
    Tried,
    Usual,
    fitted,
    fuse,
    read,
)
from ambience.imaging import ImageFile, Limits, png
from ambience.imaging.edits import EDITS, Edit
from ambience.ingest import Originals
from ambience.web.backend import Backend
from ambience.web.schemas import MAX_K

FEWEST = 100
"""Images from which on a library has something to teach: fewer have few strangers."""

GROWTH = 10
"""Times as many images as the last time: it is then time to learn again."""


def is_due(calibration: Calibration, images: int) -> bool:
    """Tell whether a library has grown enough to learn from it, for the first time too.

    Args:
        calibration: In use.
        images: In the library now.
    """
    return images >= max(FEWEST, GROWTH * calibration.images)


@dataclass(frozen=True, slots=True, eq=False)
class _Drawn:
    """An image of the sample.

    Attributes:
        image_id: Its key.
        pixels: At working size, shape ``(height, width, 3)``.
        alike: It, and what the library holds as its copies already.
        named_by: The services that name it if they are asked with it; another one has
            not got it, and tells nothing by not naming a copy.
    """

    image_id: ImageId
    pixels: NDArray[np.uint8]
    alike: frozenset[ImageId]
    named_by: frozenset[str]


@dataclass(frozen=True, slots=True, eq=False)
class Learner:
    """Fits a calibration to a library.

    A sample of its images is edited in the ways of `ambience.imaging.edits`, and every
    service is asked for each copy. What it says of the image itself is said of copies;
    what it says of the others, of strangers, but for those that the library holds as
    copies of that image already, by what was known before.

    Attributes:
        backends: The services.
        catalog: Knows the images.
        originals: Knows where files are.
        limits: What an image may cost.
        sample: How many images copies are made of.
        edits: How many of each, in turn; of the 32 there are, each of 16 images.
    """

    backends: Sequence[Backend]
    catalog: Catalog
    originals: Originals
    limits: Limits
    sample: int = 64
    edits: int = 8

    def learn(
        self,
        before: Calibration,
        *,
        stop: threading.Event,
        on_progress: Callable[[int, int], Any] = lambda *_: None,
    ) -> Calibration | None:
        """Return a calibration for the library as it is now.

        Args:
            before: What was known; where there is nothing to learn from, it stays.
            stop: Once set, nothing more is done.
            on_progress: Told how many of how many copies were searched with.

        Returns:
            ``None`` if it was stopped, or no image has a file that can be read.
        """
        ids = self.catalog.ids()
        sample = list(self._drawn(ids, before, stop))
        held = {
            backend.name: backend.status().get("count", 0) for backend in self.backends
        }
        tried = {name: _Notes(name, before, held.get(name, 0)) for name in SCALES}
        for done, (shown, query) in enumerate(_copies(sample, self.edits), 1):
            if stop.is_set():
                return None
            alike = frozenset[ImageId]().union(*(drawn.alike for drawn in shown))
            for name, answer in self._answers(query).items():
                known = [one.image_id for one in shown if name in one.named_by]
                tried[name].take(answer, known, alike)
            on_progress(done, len(sample) * self.edits)
        if not sample or stop.is_set():
            return None
        return Calibration(
            images=len(ids),
            curves={name: notes.curve() for name, notes in tried.items()},
            usual={name: tried[name].usual() for name in before.usual},
        )

    def _drawn(
        self, ids: Sequence[ImageId], before: Calibration, stop: threading.Event
    ) -> Iterator[_Drawn]:
        """Draw images that have a file, until there are enough."""
        drawn = 0
        for number in np.random.default_rng(len(ids)).permutation(len(ids)).tolist():
            if drawn == self.sample or stop.is_set():
                return
            file = self._file(ids[number])
            if file is None:
                continue
            own, answers = ids[number], self._answers(file)
            found = fuse(answers, facts={}, calibration=before, k=MAX_K)
            copies = {match.image_id for match in found if match.relation in COPIES}
            named_by = {
                name
                for name, answer in answers.items()
                if any(match.image_id == own for match in answer.matches)
            }
            yield _Drawn(
                own, file.image.pixels, frozenset({own, *copies}), frozenset(named_by)
            )
            drawn += 1

    def _file(self, image_id: ImageId) -> ImageFile | None:
        """Return an image's file, if it can be read."""
        for record in self.catalog.find([image_id]):
            path = self.originals.file_of(record)
            if path is not None:
                try:
                    file = ImageFile(path.read_bytes(), limits=self.limits)
                    _ = file.image
                except (OSError, BadInputError):
                    return None
                return file
        return None

    def _answers(self, query: ImageFile) -> dict[str, Answer]:
        """Return what services say; one that can't answer teaches nothing."""
        said = {}
        for backend in self.backends:
            if backend.name in SCALES:
                try:
                    said[backend.name] = backend.search(query, k=MAX_K)
                except (UnavailableError, StoredDataError):
                    continue
        return said


class _Notes:
    """What a service said, put down on its scale.

    Args:
        name: The service's.
        before: What was known.
        images: That the service has.
    """

    def __init__(self, name: str, before: Calibration, images: int) -> None:
        self._name = name
        self._before = before
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
        if self._name in self._before.usual:
            background = self._before.usual[self._name].beside(answer.background)
        if answer.background is not None:
            self._backgrounds.append(answer.background)
        near = {
            match.image_id: read(SCALES[self._name], match.distance, background)
            for match in answer.matches
        }
        tried.copies += [near.get(image_id, math.inf) for image_id in shown]
        tried.strangers += [x for image_id, x in near.items() if image_id not in alike]
        tried.pairs += max(0, self._images - len(alike))
        if len(near) >= MAX_K:
            tried.complete = min(tried.complete, max(near.values()))

    def curve(self) -> Curve:
        """Return the curve that fits."""
        before = self._before.curves[self._name]
        return fitted(self._tried, SCALES[self._name], before=before) or before

    def usual(self) -> Usual:
        """Return the background that all had together."""
        if not self._backgrounds:
            return self._before.usual[self._name]
        means = np.array([own.mean for own in self._backgrounds])
        within = np.mean([own.deviation**2 for own in self._backgrounds])
        return Usual(
            mean=float(means.mean()), deviation=math.sqrt(within + means.var())
        )


def _copies(
    sample: Sequence[_Drawn], count: int
) -> Iterator[tuple[list[_Drawn], ImageFile]]:
    """Make the copies of a sample, each with what it shows; equal ones each time."""
    edits = [edit for edit in EDITS if edit.originals <= len(sample)]
    for number, drawn in enumerate(sample):
        for turn in range(count):
            at = (number * count + turn) % len(edits)
            rng = np.random.default_rng([number, turn])
            others = [other for other in sample if other is not drawn]
            beside = rng.permutation(len(others))[: edits[at].originals - 1]
            shown = [drawn, *(others[other] for other in beside)]
            yield shown, _made(edits[at], shown, rng)


def _made(edit: Edit, shown: Sequence[_Drawn], rng: np.random.Generator) -> ImageFile:
    edited = edit.make([drawn.pixels for drawn in shown], rng)
    return ImageFile(png(edited.pixels))
