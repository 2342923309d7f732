"""Compares the catalog with what a service has, image by image."""

import threading
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ambience.catalog import Catalog, LoneImages, Missed
from ambience.core.features import MAX_IMAGE_ID, ImageId
from ambience.service import AnyService, required
from ambience.service.capabilities import HoldsImages

_PAGE = 5000  # ids read at once: some 50 KB if a service runs elsewhere


@dataclass(slots=True)
class Differences:
    """How a service differs from the catalog, in numbers of images.

    Attributes:
        absent: In the catalog, but not at the service, which should have them.
        outdated: At the service as they were before a change that it missed.
        left_over: Still at the service, but deleted.
        unknown: At the service, but nothing explains them: see `LoneImages`.
        first_unknown: The first of those.
    """

    absent: int = 0
    outdated: int = 0
    left_over: int = 0
    unknown: int = 0
    first_unknown: ImageId | None = None


class Comparison:
    """Finds what services lack, and what they should have forgotten.

    Images that were added to one service alone do not count as differences.

    Args:
        catalog: The images that there should be.
        missed: What services are known to have missed.
        lone_images: Images that were added to one service alone.
    """

    def __init__(
        self, catalog: Catalog, missed: Missed, lone_images: LoneImages
    ) -> None:
        self._catalog = catalog
        self._missed = missed
        self._lone_images = lone_images

    def differences(self, service: AnyService) -> Differences:
        """Count the differences, without changing anything.

        Raises:
            BadParameterError: If the service holds no images.
            UnavailableError: If it can't list its images.
        """
        found = Differences()
        known = 0  # of the absent: those already recorded as missed
        for absent, ids in self._pages(service, threading.Event()):
            if absent:
                # An image that is deleted and put again was absent for a moment.
                really = _among(service, self._missed.absent(ids), held=False)
                really = self._missed.absent(really)
                later = self._missed.put_off_among(service.name, really)
                found.absent += len(really) - len(later)  # these are not a problem
                known += len(self._missed.among(service.name, really))
            else:
                found.left_over += len(self._missed.left_over(ids))
                # An image whose put failed was there for a moment.
                unknown = self._lone_images.unknown(service.name, ids)
                unknown = _among(service, unknown, held=True)
                found.unknown += len(unknown)
                if found.first_unknown is None:
                    found.first_unknown = next(iter(unknown), None)
        found.outdated = max(0, self._missed.outdated(service.name) - known)
        return found

    def unknown(self, service: AnyService) -> list[ImageId]:
        """Return the images of a service that nothing explains, by id.

        Raises:
            BadParameterError: If the service holds no images.
            UnavailableError: If it can't list its images.
        """
        return [
            image_id
            for absent, ids in self._pages(service, threading.Event())
            if not absent
            for image_id in self._lone_images.unknown(service.name, ids)
        ]

    def note_damaged(self, service: AnyService, ids: Sequence[ImageId]) -> None:
        """Record that a service must get images again: their features are damaged.

        It can't get images without a record; deleted ones are removed there.
        """
        self._missed.note_absent(service.name, ids, "its feature there is damaged")
        self._missed.note_left_over(service.name, ids, "the service still had it")

    def note(self, service: AnyService, *, stop: threading.Event) -> None:
        """Record all differences as missed, and let stuck images be tried again.

        Args:
            service: The service to compare with.
            stop: Set it to stop early.

        Raises:
            BadParameterError: If the service holds no images.
            UnavailableError: If it can't list its images.
        """
        for absent, ids in self._pages(service, stop):
            if absent:
                self._missed.note_absent(
                    service.name, ids, "the service did not have it"
                )
            else:
                self._missed.note_left_over(
                    service.name, ids, "the service still had it"
                )
        self._missed.retry(service.name)

    def _pages(
        self, service: AnyService, stop: threading.Event
    ) -> Iterator[tuple[bool, Sequence[ImageId]]]:
        """Iterate over ids that one side lacks: whether it is the service, and ids."""
        after, end = None, ImageId(0)
        while end < MAX_IMAGE_ID and not stop.is_set():
            # The catalog first: services got what it knows before it did.
            wanted = self._catalog.ids(after=after, limit=_PAGE)
            there = required(service, HoldsImages).ids(after=after, limit=_PAGE)
            # Compare as far as both were read; a page that is not full is the last.
            full = [ids[-1] for ids in (wanted, there) if len(ids) == _PAGE]
            after = end = min(full, default=ImageId(MAX_IMAGE_ID))
            known = set(wanted[: bisect_right(wanted, end)])
            held = set(there[: bisect_right(there, end)])
            if absent := known - held:
                yield True, sorted(absent)
            if extra := held - known:
                yield False, sorted(extra)


def _among(service: AnyService, ids: Sequence[ImageId], *, held: bool) -> list[ImageId]:
    """Return those of a page of ids that a service has now, or does not have."""
    if not ids:
        return []
    # Ids are never negative, so nothing has to be skipped before the first.
    after = ImageId(ids[0] - 1) if ids[0] else None
    now = required(service, HoldsImages).ids(after=after, limit=_PAGE)
    end = now[-1] if len(now) == _PAGE else MAX_IMAGE_ID
    there = set(now)
    return [i for i in ids if i <= end and (i in there) == held]
