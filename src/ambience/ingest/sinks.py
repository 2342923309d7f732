"""Tells every service about a change, and reports which ones could not follow."""

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import TypeAlias

from ambience.catalog import Reach
from ambience.core.errors import (
    AmbienceError,
    BadInputError,
    BusyError,
    CorruptDataError,
    UnavailableError,
)
from ambience.core.features import ImageId
from ambience.imaging import ImageFile
from ambience.ingest.image_locks import ImageLocks
from ambience.service import AnyService, working_sides
from ambience.service.capabilities import HoldsImages
from ambience.service.fan_out import FanOut

AWAY = (BadInputError, BusyError, CorruptDataError, UnavailableError)
"""Errors that concern one service alone: the others continue, and it catches up later.

A full disk is not one of them: it affects everyone, so the change is refused.
"""

# A service that hangs is left out for ten times as long as it was waited for, so that
# it delays an import by a tenth of its time at most. It gets what it missed later.
_PAUSES = 10

_Tell: TypeAlias = Callable[[str, HoldsImages], list[ImageId]]
"""Tells a service by name; returns the images that it knew, if that is known."""


class Sinks:
    """All services that hold images, told at once, each within its own time limit.

    A service that does not answer in time counts as having missed the change, although
    a thread may still be working on it: see `ImageLocks.at_service`.

    Args:
        services: All services; those that hold no images are left out.
        image_locks: Shared by all threads of this process that change images.
    """

    def __init__(self, services: Sequence[AnyService], image_locks: ImageLocks) -> None:
        self._services = services
        self._image_locks = image_locks
        self._fan_out = FanOut[list[ImageId]](
            {service.name: service.timeout_s for service in services},
            pause_s=lambda waited_s: _PAUSES * waited_s,
        )

    def close(self) -> None:
        """End the threads that tell services."""
        self._fan_out.close()

    @property
    def slow(self) -> frozenset[str]:
        """The names of the services whose work may be done later."""
        held = self._held()
        return frozenset(one.name for one in self._services if one.is_slow) & {*held}

    def sides(self, *, put_off: Collection[str] = ()) -> frozenset[int]:
        """Return the longest sides of the images that services need, in pixels.

        Args:
            put_off: Services that get theirs later.
        """
        return working_sides(one for one in self._services if one.name not in put_off)

    def extract(
        self, images: Sequence[ImageFile], *, put_off: Collection[str] = ()
    ) -> list[dict[str, object]]:
        """Return what each service extracts from each image, by service.

        Args:
            images: The images.
            put_off: Services that get theirs later.
        """
        extracted = {
            name: held.extract(images) for name, held in self._held(but=put_off).items()
        }
        return [
            {name: of[number] for name, of in extracted.items()}
            for number in range(len(images))
        ]

    def put(
        self,
        extracted: Mapping[ImageId, Mapping[str, object]],
        *,
        put_off: Collection[str] = (),
        before: Collection[ImageId] = (),
    ) -> dict[str, AmbienceError]:
        """Give images to every service; return why some could not take them.

        Args:
            extracted: For each image, what `extract` returned.
            put_off: Services that get theirs later. They forget what they have: it is
                better to find nothing than an old version.
            before: The images of which they may have something.
        """
        known = sorted(before)

        def put(name: str, held: HoldsImages) -> list[ImageId]:
            if name in put_off:
                return held.remove(known)
            if not all(name in of for of in extracted.values()):
                raise UnavailableError(f"{name} could not hold images a moment ago")
            held.put({image_id: of[name] for image_id, of in extracted.items()})
            return []

        _, away = self._tell(put, list(extracted), but=() if known else put_off)
        return away

    def remove(self, ids: Sequence[ImageId]) -> tuple[bool, dict[str, AmbienceError]]:
        """Make every service forget images.

        Returns:
            Whether any service knew any of them, and why some could not be told.
        """
        known, away = self._tell(lambda _, held: held.remove(ids), ids)
        return any(known.values()), away

    def reach(
        self, away: Mapping[str, AmbienceError], *, put_off: Collection[str] = ()
    ) -> Reach:
        """Return how far a change got, and why; see `Reach`."""
        left = [name for name in self._held() if name not in away]
        return Reach(
            [name for name in left if name not in put_off],
            {name: str(error) for name, error in away.items()},
            [name for name in left if name in put_off],
        )

    def missed_by_all(self, reason: str) -> Reach:
        """Return that no service can be assumed to know a change, and why."""
        return Reach(missed=dict.fromkeys(self._held(), reason))

    def _held(self, *, but: Collection[str] = ()) -> dict[str, HoldsImages]:
        """Return the services that currently hold images, without some of them."""
        return {
            service.name: held
            for service in self._services
            if service.name not in but
            and (held := service.ability(HoldsImages)) is not None
        }

    def _tell(
        self, tell: _Tell, ids: Sequence[ImageId], *, but: Collection[str] = ()
    ) -> tuple[dict[str, list[ImageId]], dict[str, AmbienceError]]:
        """Tell every service; return what each knew, and why others did not follow.

        Args:
            tell: What to tell.
            ids: The images that are being changed.
            but: Services that are not told.
        """

        def in_order(name: str, held: HoldsImages) -> list[ImageId]:
            with self._image_locks.at_service(name, ids):
                return tell(name, held)

        heard = self._fan_out.ask(
            {
                name: partial(in_order, name, held)
                for name, held in self._held(but=but).items()
            },
            bearable=(Exception,),  # all have ended, or had their time, before one ...
        )
        away: dict[str, AmbienceError] = {}
        for name, error in heard.failed.items():
            if not isinstance(error, AWAY):
                raise error  # ... is raised, so that what is undone is not under way
            away[name] = error
        return {name: said.answer for name, said in heard.said.items()}, away
