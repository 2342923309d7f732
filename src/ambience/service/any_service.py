"""A service as everybody sees it: in this process, elsewhere, or out of order."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final, Protocol, TypeVar

from ambience.core.errors import BadParameterError
from ambience.service.capabilities import (
    Annotates,
    ChecksFeatures,
    Groups,
    HoldsImages,
    Rebuilds,
    SearchesImages,
    SearchesText,
    Trainable,
)

C = TypeVar("C")

_LACKING: Final[Mapping[type, str]] = MappingProxyType(
    {
        SearchesImages: "does not search by image",
        SearchesText: "does not search by words: send an image",
        Annotates: "says nothing about images",
        HoldsImages: "keeps nothing of images",
        ChecksFeatures: "keeps no features to be checked",
        Groups: "does not group images",
        Rebuilds: "has no index to be made anew",
        Trainable: "has nothing to train",
    }
)


class AnyService(Protocol):
    """What every service has, whatever it can do and wherever it runs.

    What it can do besides is asked for by the protocols of `capabilities`, whose
    methods may be called from any thread, and raise `UnavailableError` when the
    service can't answer.
    """

    @property
    def name(self) -> str:
        """The service's name."""
        ...

    @property
    def url(self) -> str:
        """Where it runs, with a password if it has one; empty: in this process."""
        ...

    @property
    def timeout_s(self) -> float:
        """How long it is waited for, in seconds."""
        ...

    @property
    def is_slow(self) -> bool:
        """Whether its work on an image may follow later; see `Declaration.is_slow`."""
        ...

    def status(self) -> Mapping[str, Any]:
        """Return how the service is doing, as JSON values.

        Always there: ``name``, ``abilities`` and whether it is ``available``; a
        ``reason`` if it is not. Only of a service that is available and holds images:
        ``count``, ``index`` with its ``lag``, ``spec`` and ``store``.
        """
        ...

    def ability(self, kind: type[C], /) -> C | None:
        """Return the service as one that can do something, if it can.

        Args:
            kind: One of the protocols of `ambience.service.capabilities`.
        """
        ...

    def close(self) -> None:
        """Release what it holds."""
        ...


def required(service: AnyService, kind: type[C]) -> C:
    """Return a service as one that can do something.

    Raises:
        BadParameterError: If it can't.
    """
    found = service.ability(kind)
    if found is None:
        raise BadParameterError(f"{service.name} {_LACKING[kind]}")
    return found


def working_sides(services: Iterable[AnyService]) -> frozenset[int]:
    """Return the longest sides of the images that services look at, in pixels."""
    held = (service.ability(HoldsImages) for service in services)
    sides = (one.working_side for one in held if one is not None)
    return frozenset(side for side in sides if side is not None)
