"""Hands out the work that waits, so that nobody does the same as another."""

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from threading import Lock

from ambience.catalog import Journal, Missed
from ambience.core.errors import AmbienceError
from ambience.core.features import MAX_IMAGE_ID, ImageId

_PAGE = 500  # entries read at once

_log = logging.getLogger(__name__)


class Shift:
    """What one worker has taken and not done yet; only one thread takes and ends.

    Args:
        shifts: Those of this process.
    """

    def __init__(self, shifts: "Shifts") -> None:
        self._shifts = shifts
        self.taken: defaultdict[str, set[ImageId]] = defaultdict(set)

    def take(self, wanted: Mapping[str, Sequence[ImageId]]) -> dict[str, list[ImageId]]:
        """Take images that services have still to get; return what others have not.

        Args:
            wanted: By service, those.
        """
        return self._shifts.take(self, wanted)

    def done(self, service: str, ids: Sequence[ImageId]) -> None:
        """Note that images need no more work for a service."""
        self._shifts.done(self, service, ids)

    def end(self) -> None:
        """Let others have what was taken and not done."""
        self._shifts.end(self)


class Shifts:
    """Everybody in this process who works on what waits.

    Args:
        missed: Lists what waits.
        journal: Keeps it from other processes.
    """

    def __init__(self, missed: Missed, journal: Journal) -> None:
        self._missed = missed
        self._journal = journal
        self._lock = Lock()  # of the list, and of what each has taken
        self._working: list[Shift] = []

    def begin(self) -> Shift:
        """Return a shift that has taken nothing yet."""
        shift = Shift(self)
        with self._lock:
            self._working.append(shift)
        return shift

    def page(
        self, names: Sequence[str], *, after: ImageId | None
    ) -> dict[ImageId, set[str]]:
        """Return images that wait for services, by id, each with whom it waits for.

        Args:
            names: Of the services.
            after: The last one of the page before.
        """
        pages = {
            name: self._missed.waiting(name, after=after, limit=_PAGE) for name in names
        }
        # As far as all were read: a page that is not full is the last.
        full = [ids[-1] for ids in pages.values() if len(ids) == _PAGE]
        end = min(full, default=ImageId(MAX_IMAGE_ID))
        found: dict[ImageId, set[str]] = {}
        for name, ids in pages.items():
            for image_id in ids:
                if image_id <= end:
                    found.setdefault(image_id, set()).add(name)
        return dict(sorted(found.items()))

    def take(
        self, shift: Shift, wanted: Mapping[str, Sequence[ImageId]]
    ) -> dict[str, list[ImageId]]:
        """See `Shift.take`."""
        with self._lock:
            here = {
                name: set[ImageId]().union(*(one.taken[name] for one in self._working))
                for name in wanted
            }
            free = {
                name: [image_id for image_id in ids if image_id not in here[name]]
                for name, ids in wanted.items()
            }
            taken = self._journal.take_work(free)
            for name, ids in taken.items():
                shift.taken[name].update(ids)
        return taken

    def done(self, shift: Shift, service: str, ids: Sequence[ImageId]) -> None:
        """See `Shift.done`."""
        with self._lock:
            shift.taken[service].difference_update(ids)

    def end(self, shift: Shift) -> None:
        """See `Shift.end`."""
        left = {name: sorted(ids) for name, ids in shift.taken.items()}
        try:
            self._journal.give_back(left)
        except AmbienceError as error:  # others have it when the lease ends
            _log.warning("work that was not done could not be given back: %s", error)
        with self._lock:
            self._working.remove(shift)
