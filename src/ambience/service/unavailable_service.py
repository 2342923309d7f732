"""Stands in for a service that could not be opened, so that the others still work."""

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn, TypeVar

from ambience.core.errors import UnavailableError
from ambience.core.search_options import SearchOptions
from ambience.core.settings import TIMEOUT_S
from ambience.imaging import ImageFile
from ambience.service.capabilities import RETRIEVAL, Abilities, names_of

C = TypeVar("C")


class UnavailableService:
    """A service with the abilities it would have, all of which raise an error.

    Args:
        name: The service's name.
        reason: Why, and what to do, in a sentence.
        options: The class of its search options.
        abilities: What it can do once it is available.
        is_slow: See `AnyService.is_slow`.
    """

    url = ""
    timeout_s = TIMEOUT_S  # it answers at once
    working_side: int | None = None  # it needs no image

    def __init__(
        self,
        name: str,
        reason: str,
        options: type[SearchOptions] = SearchOptions,
        *,
        abilities: Abilities = RETRIEVAL,
        is_slow: bool = False,
    ) -> None:
        self.name = name
        self.is_slow = is_slow
        self.options = options
        self._abilities = abilities
        self._reason = reason

    def status(self) -> Mapping[str, Any]:
        """See `AnyService.status`."""
        return {
            "name": self.name,
            "abilities": names_of(self._abilities),
            "available": False,
            "reason": self._reason,
        }

    def ability(self, kind: type[C]) -> C | None:
        """See `AnyService.ability`."""
        return self if kind in self._abilities and isinstance(self, kind) else None

    def close(self) -> None:
        """See `AnyService.close`."""

    def extract(self, images: Sequence[ImageFile]) -> list[None]:
        """Return ``None`` for each image, so that the other services can go on."""
        return [None] * len(images)

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise UnavailableError(self._reason)

    search = search_by_id = search_text = annotate = _refuse
    put = remove = ids = readings = damaged = remove_damaged = add_checksums = _refuse
    highest_id = groups = compare = rebuild = train = _refuse
