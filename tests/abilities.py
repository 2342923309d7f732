"""Services as those that can do something, images put to them, and a fake one."""

from collections.abc import Mapping
from typing import Any, NoReturn, TypeVar

from ambience.core.errors import UnavailableError
from ambience.core.features import ImageId
from ambience.imaging import ImageFile
from ambience.service import AnyService, required
from ambience.service.capabilities import HoldsImages, SearchesImages, names_of

C = TypeVar("C")

GUARD_S = 30.0  # a test that would hang fails instead


class FakeService:
    """A service in memory that can do what its class can, of some abilities."""

    def __init__(self, name: str, *abilities: type, url: str = "") -> None:
        self.name, self.url, self.timeout_s = name, url, GUARD_S
        self.is_slow = False
        self._abilities = abilities

    def status(self) -> Mapping[str, Any]:
        return {
            "name": self.name,
            "available": True,
            "abilities": names_of(self._abilities),
        }

    def ability(self, kind: type[C]) -> C | None:
        return self if kind in self._abilities and isinstance(self, kind) else None

    def close(self) -> None:
        """Release nothing."""

    def refuse(self, *_: Any, **__: Any) -> NoReturn:
        """Stand for what a test does not need."""
        raise UnavailableError("this service is a fake")


def holding(service: AnyService) -> HoldsImages:
    return required(service, HoldsImages)


def searching(service: AnyService) -> SearchesImages:
    return required(service, SearchesImages)


def put(service: AnyService, images: Mapping[ImageId, ImageFile]) -> None:
    """Have a service extract and keep images."""
    extracted = holding(service).extract(list(images.values()))
    holding(service).put(dict(zip(images, extracted, strict=True)))
