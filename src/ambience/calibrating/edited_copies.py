"""Samples images of the library and makes edited copies of them to search with."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ambience.catalog import Catalog
from ambience.core.errors import (
    BadInputError,
    CorruptDataError,
    NotFoundError,
    StoredDataError,
    UnavailableError,
)
from ambience.core.features import Image, ImageId
from ambience.core.geometry import Matrix
from ambience.core.matches import Answer
from ambience.fusion import Calibration, fuse
from ambience.imaging import ImageFile, Limits, png
from ambience.imaging.edits import EDITS, Edit
from ambience.ingest import Originals
from ambience.ingest.image_files import ImageFiles
from ambience.overlay import Overlay, likeness, same_picture
from ambience.search.overlays import OverlayQuery, best_overlay
from ambience.service import MAX_K, AnyService, SearchRequest
from ambience.service.capabilities import SearchesImages

_EVEN = 0.5
_IN_A_ROW = 8  # unrelated images, after which no more are compared


@dataclass(frozen=True, slots=True, eq=False)
class SampledImage:
    """An image of the library to make copies of.

    Attributes:
        image_id: Its id.
        pixels: At working size, shape ``(height, width, 3)``.
        alike: Its id, and those of what the library already has of the same picture,
            scene or template.
        named_by: The services that find it when searched with it. The others don't
            have it, so it means nothing if they don't find a copy.
    """

    image_id: ImageId
    pixels: NDArray[np.uint8]
    alike: frozenset[ImageId]
    named_by: frozenset[str]


@dataclass(frozen=True, slots=True, eq=False)
class EditedCopy:
    """A copy to search with.

    Attributes:
        family: The family of its edit.
        shown: The images that it shows.
        query: The copy itself.
    """

    family: str
    shown: Sequence[SampledImage]
    query: ImageFile

    @property
    def alike(self) -> frozenset[ImageId]:
        """The images that it shows, and their copies already in the library."""
        return frozenset[ImageId]().union(*(one.alike for one in self.shown))


@dataclass(frozen=True, slots=True, eq=False)
class CopySource:
    """A library whose images are copied, and which is searched with the copies.

    Attributes:
        services: All services; those that search by image are asked.
        catalog: The images of the library.
        originals: Finds their files.
        limits: The limits for decoding an image.
    """

    services: Sequence[AnyService]
    catalog: Catalog
    originals: Originals
    limits: Limits

    def order(self) -> list[ImageId]:
        """Return the ids of all images, shuffled; the same library, the same order."""
        ids = self.catalog.ids()
        return [ids[i] for i in np.random.default_rng(len(ids)).permutation(len(ids))]

    def sampled(
        self, order: Sequence[ImageId], count: int, before: Calibration
    ) -> Iterator[SampledImage]:
        """Yield the first images whose files can be read.

        Args:
            order: The ids to try, in this order.
            count: The largest number of images.
            before: Decides which images of the library are already copies of each
                other.
        """
        count_so_far = 0
        for own in order:
            if count_so_far == count:
                return
            file = self._file(own)
            if file is None:
                continue
            answers = self.answers(file, k=MAX_K, of=before.evidence)
            found = fuse(answers, facts={}, calibration=before, k=MAX_K)
            alike = {own, *(m.image_id for m in found if m.relation.is_copy)}
            named_by = {
                name
                for name, answer in answers.items()
                if any(match.image_id == own for match in answer.matches)
            }
            for name in [n for n in answers if before.evidence[n].proves_copies]:
                alike |= self._related(file.image, name, answers[name], alike)
            yield SampledImage(
                own, file.image.pixels, frozenset(alike), frozenset(named_by)
            )
            count_so_far += 1

    def answers(
        self, query: ImageFile, *, k: int, of: Collection[str]
    ) -> dict[str, Answer]:
        """Return the answers of services; those that can't answer are left out.

        Args:
            query: What to search with.
            k: How many images to ask each service for.
            of: The names of the services to ask.
        """
        answers = {}
        for service in self.services:
            searches = service.ability(SearchesImages)
            if service.name in of and searches is not None:
                try:
                    answers[service.name] = searches.search(query, SearchRequest(k=k))
                except (UnavailableError, StoredDataError):
                    continue
        return answers

    def _related(
        self, image: Image, name: str, answer: Answer, known: Collection[ImageId]
    ) -> set[ImageId]:
        """Return what shows the same picture, scene or template as an image.

        Such images need not be copies, but they are no strangers either: a burst would
        teach that strangers are near. The nearest images are compared, until several in
        a row are unrelated.

        Args:
            image: At working size.
            name: Of a service that proves copies.
            answer: What it answered to the image.
            known: What is related for certain, and is not compared.
        """
        query, related, unrelated = OverlayQuery(image), set[ImageId](), 0
        for match in answer.matches:
            file = None if match.image_id in known else self._file(match.image_id)
            if file is None:
                continue
            measured = {name: {**match.details, "distance": match.distance}}
            if _is_related(best_overlay(query, file.image, measured)):
                related.add(match.image_id)
                unrelated = 0
            else:
                unrelated += 1
            if unrelated == _IN_A_ROW:
                break
        return related

    def _file(self, image_id: ImageId) -> ImageFile | None:
        """Return an image's file, or ``None`` if it can't be read."""
        files = ImageFiles(self.originals, limits=self.limits)
        try:
            data = files.read(self.catalog.get(image_id))
            file = ImageFile(data, limits=self.limits)
            _ = file.image
        except (NotFoundError, CorruptDataError, BadInputError):
            return None
        return file


def _is_related(found: tuple[Overlay, Matrix] | None) -> bool:
    if found is None:
        return False
    measure = found[0].measure
    return same_picture(measure) >= _EVEN or likeness(measure) is not None


def edited_copies(
    sample: Sequence[SampledImage], count: int, *, seed: Sequence[int] = ()
) -> Iterator[EditedCopy]:
    """Yield copies of a sample, the same ones each time.

    Args:
        sample: The images to copy.
        count: How many copies to make of each; the edits take turns.
        seed: Another seed makes other copies, such as crops from other places.
    """
    edits = [edit for edit in EDITS if edit.originals <= len(sample)]
    for number, image in enumerate(sample):
        for turn in range(count):
            edit = edits[(number * count + turn) % len(edits)]
            rng = np.random.default_rng([number, turn, *seed])
            others = [other for other in sample if other is not image]
            chosen = rng.permutation(len(others))[: edit.originals - 1]
            shown = [image, *(others[other] for other in chosen)]
            yield EditedCopy(edit.family, shown, _made(edit, shown, rng))


def _made(
    edit: Edit, shown: Sequence[SampledImage], rng: np.random.Generator
) -> ImageFile:
    edited = edit.make([one.pixels for one in shown], rng)
    return ImageFile(png(edited.pixels))
