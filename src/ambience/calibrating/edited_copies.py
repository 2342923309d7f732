"""Draws images of the library and makes edited copies of them to search with."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from threading import Event

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
from ambience.core.features import ImageId
from ambience.core.matches import Answer
from ambience.fusion import Calibration, fuse
from ambience.imaging import ImageFile, Limits, png
from ambience.imaging.edits import EDITS, Edit
from ambience.ingest import Originals
from ambience.ingest.image_files import ImageFiles
from ambience.service import MAX_K, AnyService, SearchRequest
from ambience.service.capabilities import SearchesImages


@dataclass(frozen=True, slots=True, eq=False)
class DrawnImage:
    """An image of the library that copies are made of.

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
class EditedCopy:
    """A copy to search with.

    Attributes:
        family: Of the edit.
        shown: The images that it shows.
        query: The copy.
    """

    family: str
    shown: Sequence[DrawnImage]
    query: ImageFile

    @property
    def alike(self) -> frozenset[ImageId]:
        """All that it shows, and the library's own copies of that."""
        return frozenset[ImageId]().union(*(drawn.alike for drawn in self.shown))


@dataclass(frozen=True, slots=True, eq=False)
class CopySource:
    """A library, seen as what copies are made of and searched in.

    Attributes:
        services: All there are; those that search are asked.
        catalog: Knows the images.
        originals: Knows where files are.
        limits: What an image may cost.
    """

    services: Sequence[AnyService]
    catalog: Catalog
    originals: Originals
    limits: Limits

    def order(self) -> list[ImageId]:
        """Return all images, shuffled; equal libraries give equal orders."""
        ids = self.catalog.ids()
        return [ids[i] for i in np.random.default_rng(len(ids)).permutation(len(ids))]

    def drawn(
        self, order: Sequence[ImageId], count: int, before: Calibration, *, stop: Event
    ) -> Iterator[DrawnImage]:
        """Iterate over the first images that have a file, until there are enough.

        Args:
            order: In which they are tried.
            count: How many at most.
            before: Says what the library holds as copies already.
            stop: Once set, no more are drawn.
        """
        drawn = 0
        for own in order:
            if drawn == count or stop.is_set():
                return
            file = self._file(own)
            if file is None:
                continue
            answers = self.answers(file, k=MAX_K, of=before.evidence)
            found = fuse(answers, facts={}, calibration=before, k=MAX_K)
            copies = {match.image_id for match in found if match.relation.is_copy}
            named_by = {
                name
                for name, answer in answers.items()
                if any(match.image_id == own for match in answer.matches)
            }
            yield DrawnImage(
                own, file.image.pixels, frozenset({own, *copies}), frozenset(named_by)
            )
            drawn += 1

    def answers(
        self, query: ImageFile, *, k: int, of: Collection[str]
    ) -> dict[str, Answer]:
        """Return what services say; one that can't answer says nothing.

        Args:
            query: What to search with.
            k: How many images each is asked for.
            of: The services that are asked.
        """
        said = {}
        for service in self.services:
            searches = service.ability(SearchesImages)
            if service.name in of and searches is not None:
                try:
                    said[service.name] = searches.search(query, SearchRequest(k=k))
                except (UnavailableError, StoredDataError):
                    continue
        return said

    def _file(self, image_id: ImageId) -> ImageFile | None:
        """Return an image's file, if it can be read."""
        files = ImageFiles(self.originals, limits=self.limits)
        try:
            data = files.read(self.catalog.get(image_id))
            file = ImageFile(data, limits=self.limits)
            _ = file.image
        except (NotFoundError, CorruptDataError, BadInputError):
            return None
        return file


def edited_copies(
    sample: Sequence[DrawnImage], count: int, *, seed: Sequence[int] = ()
) -> Iterator[EditedCopy]:
    """Make copies of a sample, equal ones each time.

    Args:
        sample: What to copy.
        count: How many copies of each; the edits take turns.
        seed: Another one makes other copies, such as crops from other places.
    """
    edits = [edit for edit in EDITS if edit.originals <= len(sample)]
    for number, drawn in enumerate(sample):
        for turn in range(count):
            edit = edits[(number * count + turn) % len(edits)]
            rng = np.random.default_rng([number, turn, *seed])
            others = [other for other in sample if other is not drawn]
            beside = rng.permutation(len(others))[: edit.originals - 1]
            shown = [drawn, *(others[other] for other in beside)]
            yield EditedCopy(edit.family, shown, _made(edit, shown, rng))


def _made(
    edit: Edit, shown: Sequence[DrawnImage], rng: np.random.Generator
) -> ImageFile:
    edited = edit.make([drawn.pixels for drawn in shown], rng)
    return ImageFile(png(edited.pixels))
