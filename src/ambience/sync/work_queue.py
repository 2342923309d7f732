"""Hands out the work that waits for services, so that nothing is done twice."""

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from threading import Lock

from ambience.catalog import Journal, Missed
from ambience.core.errors import AmbienceError
from ambience.core.features import MAX_IMAGE_ID, ImageId

_PAGE = 500  # entries read at once

_log = logging.getLogger(__name__)


class TakenWork:
    """The work that one caller has taken and not finished; not for several threads.

    Args:
        queue: Where it was taken from.
    """

    def __init__(self, queue: "WorkQueue") -> None:
        self._queue = queue
        self.ids: defaultdict[str, set[ImageId]] = defaultdict(set)  # by service

    def take(self, wanted: Mapping[str, Sequence[ImageId]]) -> dict[str, list[ImageId]]:
        """Take images that services still have to get; return those that were free.

        Args:
            wanted: The images, by service.
        """
        return self._queue.take(self, wanted)

    def done(self, service: str, ids: Sequence[ImageId]) -> None:
        """Record that images need no more work for a service."""
        self._queue.done(self, service, ids)

    def end(self) -> None:
        """Give back what was taken but not finished."""
        self._queue.end(self)


class WorkQueue:
    """The work that waits for services, and who in this process has taken what.

    Args:
        missed: Lists what waits.
        journal: Keeps it from other processes.
    """

    def __init__(self, missed: Missed, journal: Journal) -> None:
        self._missed = missed
        self._journal = journal
        self._lock = Lock()  # for the list, and for what each has taken
        self._all_taken: list[TakenWork] = []

    def begin(self) -> TakenWork:
        """Return the work of a new caller, who has taken nothing yet."""
        taken = TakenWork(self)
        with self._lock:
            self._all_taken.append(taken)
        return taken

    def page(
        self, names: Sequence[str], *, after: ImageId | None
    ) -> dict[ImageId, set[str]]:
        """Return images that wait for services, by id, each with these services.

        Args:
            names: The services.
            after: The last image of the previous page.
        """
        pages = {
            name: self._missed.waiting(name, after=after, limit=_PAGE) for name in names
        }
        # Return as far as all were read; a page that is not full is the last.
        full = [ids[-1] for ids in pages.values() if len(ids) == _PAGE]
        end = min(full, default=ImageId(MAX_IMAGE_ID))
        found: dict[ImageId, set[str]] = {}
        for name, ids in pages.items():
            for image_id in ids:
                if image_id <= end:
                    found.setdefault(image_id, set()).add(name)
        return dict(sorted(found.items()))

    def take(
        self, taken: TakenWork, wanted: Mapping[str, Sequence[ImageId]]
    ) -> dict[str, list[ImageId]]:
        """See `TakenWork.take`."""
        with self._lock:
            here = {
                name: set[ImageId]().union(*(one.ids[name] for one in self._all_taken))
                for name in wanted
            }
            free = {
                name: [image_id for image_id in ids if image_id not in here[name]]
                for name, ids in wanted.items()
            }
            got = self._journal.take_work(free)
            for name, ids in got.items():
                taken.ids[name].update(ids)
        return got

    def done(self, taken: TakenWork, service: str, ids: Sequence[ImageId]) -> None:
        """See `TakenWork.done`."""
        with self._lock:
            taken.ids[service].difference_update(ids)

    def end(self, taken: TakenWork) -> None:
        """See `TakenWork.end`."""
        left = {name: sorted(ids) for name, ids in taken.ids.items()}
        try:
            self._journal.give_back(left)
        except AmbienceError as error:  # others can take it when the lease ends
            _log.warning("unfinished work could not be given back: %s", error)
        with self._lock:
            self._all_taken.remove(taken)
