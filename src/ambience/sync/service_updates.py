"""Tells services what they lack while nobody else may change the images."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TypeAlias

from ambience.catalog import Begun, Journal
from ambience.core.errors import (
    AmbienceError,
    BadInputError,
    BusyError,
    StoredDataError,
    UnavailableError,
)
from ambience.core.features import ImageId
from ambience.ingest.image_locks import ImageLocks
from ambience.service import AnyService, required
from ambience.service.capabilities import HoldsImages
from ambience.service.fan_out import FanOut

ENDS = (UnavailableError, StoredDataError, BusyError)
"""Errors of a service that end the work for it, until later."""

ImagesByService: TypeAlias = Mapping[str, Sequence[ImageId]]
"""Images that services still have to get, by service."""

Tell: TypeAlias = Callable[[HoldsImages, Mapping[ImageId, object]], object]
"""Tells a service about images, with what it needs to know about each."""


class ServiceUpdates:
    """Tells services about images that this process has in its journal.

    Args:
        journal: Keeps other processes away from these images.
        image_locks: Keep other threads away, and wait for services that are still
            writing.
    """

    def __init__(self, journal: Journal, image_locks: ImageLocks) -> None:
        self._journal = journal
        self._image_locks = image_locks

    @contextmanager
    def locked(
        self, wanted: ImagesByService
    ) -> Iterator[tuple[Begun, ImagesByService]]:
        """Keep everybody else from changing images; yield those that are ours.

        An image that somebody is changing is left for later: waiting for it may take
        as long as a service elsewhere takes.
        """
        ids = sorted({image_id for ids in wanted.values() for image_id in ids})
        with self._image_locks.if_free(ids) as free:
            ours = set(free)
            begun, missing = self._journal.begin_repair(
                {name: [i for i in ids if i in ours] for name, ids in wanted.items()}
            )
            try:
                yield begun, missing
            except BaseException:
                self._journal.abandon(begun)
                raise

    def tell(
        self,
        fan_out: FanOut[None],
        services: Mapping[str, AnyService],
        begun: Begun,
        what: Mapping[str, Mapping[ImageId, object]],
        act: Tell,
    ) -> dict[str, AmbienceError]:
        """Tell services something, all at once; return why some could not take it.

        Args:
            fan_out: Asks them, each within its time limit.
            services: All services that take part, by name.
            begun: The change in the journal.
            what: The images, with what it needs to know about each, by service.
            act: Tells one service.

        Raises:
            TakenOverError: If others have taken the change over.
        """
        due = {name: of for name, of in what.items() if of}
        if not due:
            return {}
        self._journal.check(begun)

        def told(name: str) -> None:
            with self._image_locks.at_service(name, list(due[name])):
                act(required(services[name], HoldsImages), due[name])

        heard = fan_out.ask(
            {name: partial(told, name) for name in due}, bearable=(Exception,)
        )
        failed: dict[str, AmbienceError] = {}
        for name, error in heard.failed.items():
            if not isinstance(error, (BadInputError, *ENDS)):
                raise error
            failed[name] = error
        return failed
