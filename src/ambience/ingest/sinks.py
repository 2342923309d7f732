"""Tells every service of a change, and says which of them could not follow."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

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

AWAY = (BadInputError, BusyError, CorruptDataError, UnavailableError)
"""What a service may say that concerns it alone: others go on, and it is told later.

A disk that is full is not among them: it is everybody's, so the change is refused.
"""


class Sink(Protocol):
    """A service as the writer sees it."""

    @property
    def name(self) -> str:
        """The service's name."""
        ...

    @property
    def working_side(self) -> int | None:
        """The longest side of the images it wants; ``None`` if it looks at none."""
        ...

    def extract(self, images: Sequence[ImageFile], /) -> Sequence[object]:
        """Return what `put` needs to know of each image; from any thread."""
        ...

    def put(self, extracted: Mapping[ImageId, object], /) -> None:
        """Add or replace images.

        Raises:
            UnavailableError: If the service can't do it now.
        """
        ...

    def remove(self, ids: Sequence[ImageId], /) -> list[ImageId]:
        """Forget images; return those that were known."""
        ...


class Sinks:
    """All services that take part.

    Args:
        sinks: Those; each is told in its turn.
    """

    def __init__(self, sinks: Sequence[Sink]) -> None:
        self._sinks = sinks

    @property
    def sides(self) -> frozenset[int]:
        """The longest sides of the images that the services want, in pixels."""
        sides = (sink.working_side for sink in self._sinks)
        return frozenset(side for side in sides if side is not None)

    def extract(self, images: Sequence[ImageFile]) -> list[dict[str, object]]:
        """Return what each service needs to know of each image, by its name."""
        extracted = {sink.name: sink.extract(images) for sink in self._sinks}
        return [
            {name: of[number] for name, of in extracted.items()}
            for number in range(len(images))
        ]

    def put(
        self, extracted: Mapping[ImageId, Mapping[str, object]]
    ) -> dict[str, AmbienceError]:
        """Give images to every service; return why some could not take them.

        Args:
            extracted: By image, what `extract` returned.
        """
        return self._tell(
            lambda sink: sink.put({i: of[sink.name] for i, of in extracted.items()})
        )

    def remove(self, ids: Sequence[ImageId]) -> tuple[bool, dict[str, AmbienceError]]:
        """Make every service forget images.

        Returns:
            Whether one of them knew any, and why some could not be told.
        """
        known: list[ImageId] = []
        away = self._tell(lambda sink: known.extend(sink.remove(ids)))
        return bool(known), away

    def reach(self, away: Mapping[str, AmbienceError]) -> Reach:
        """Return how far a change got, given who could not follow."""
        return Reach(
            [sink.name for sink in self._sinks if sink.name not in away],
            {name: str(error) for name, error in away.items()},
        )

    def nobody(self, reason: str) -> Reach:
        """Return that no service may be taken to know a change, and why."""
        return Reach(missed={sink.name: reason for sink in self._sinks})

    def _tell(self, tell: Callable[[Sink], None]) -> dict[str, AmbienceError]:
        away: dict[str, AmbienceError] = {}
        for sink in self._sinks:
            try:
                tell(sink)
            except AWAY as error:
                away[sink.name] = error
        return away
