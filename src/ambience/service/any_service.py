"""A service as others see it: in this process, elsewhere, or unavailable."""

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
        HoldsImages: "stores no images",
        ChecksFeatures: "has no features to check",
        Groups: "does not group images",
        Rebuilds: "has no index to rebuild",
        Trainable: "has nothing to train",
    }
)


class AnyService(Protocol):
    """What every service has, whatever it can do and wherever it runs.

    Everything else is an ability: a protocol in `capabilities`. Their methods may be
    called from any thread, and raise `UnavailableError` if the service can't answer.
    """

    @property
    def name(self) -> str:
        """The service's name."""
        ...

    @property
    def url(self) -> str:
        """Where it runs, with its password if it has one; empty for this process."""
        ...

    @property
    def timeout_s(self) -> float:
        """How long callers wait for it, in seconds."""
        ...

    @property
    def is_slow(self) -> bool:
        """Whether its work on an image may follow later; see `Declaration.is_slow`."""
        ...

    def status(self) -> Mapping[str, Any]:
        """Return the state of the service, as JSON values.

        It always has ``name``, ``abilities`` and ``available``, and a ``reason`` if it
        is unavailable. An available service that stores images also has ``count``,
        ``index`` (with its ``lag``), ``spec`` and ``store``.
        """
        ...

    def ability(self, kind: type[C], /) -> C | None:
        """Return the service as an object with an ability, or ``None``.

        Args:
            kind: One of the protocols of `ambience.service.capabilities`.
        """
        ...

    def close(self) -> None:
        """Release its resources."""
        ...


def required(service: AnyService, kind: type[C]) -> C:
    """Return a service as an object with an ability.

    Raises:
        BadParameterError: If the service doesn't have it.
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
