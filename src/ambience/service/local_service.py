"""A service in this process, as an `AnyService`."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from ambience.core.errors import StoredDataError
from ambience.core.features import Feature, ImageId
from ambience.core.matches import Answer
from ambience.core.search_options import SearchOptions, check_options
from ambience.service.capabilities import Abilities, names_of
from ambience.service.search_request import SearchRequest
from ambience.service.service import Service

if TYPE_CHECKING:
    from ambience.imaging import ImageFile  # wakes libraries: see test_sleep.py

C = TypeVar("C")


class LocalService:
    """A service in this process.

    Args:
        name: The service.
        abilities: What it can do, as declared.
        offers: The objects that implement its abilities; the first that has an ability
            is used for it.
        details: Returns the rest of its status.
        close: Releases its resources.
        timeout_s: See `AnyService.timeout_s`.
        is_slow: See `AnyService.is_slow`.

    Raises:
        TypeError: If no object implements one of the abilities.
    """

    url = ""

    def __init__(  # noqa: PLR0913 -- all but three are passed by name
        self,
        name: str,
        abilities: Abilities,
        offers: Sequence[object],
        *,
        details: Callable[[], Mapping[str, Any]],
        close: Callable[[], None],
        timeout_s: float,
        is_slow: bool,
    ) -> None:
        self.name = name
        self.is_slow = is_slow
        self.timeout_s = timeout_s
        self.close = close
        self._details = details
        self._can: dict[type, Any] = {}
        for kind in abilities:
            able = [offered for offered in offers if isinstance(offered, kind)]
            if not able:
                raise TypeError(f"{name} is declared as {kind.__name__}, but it isn't")
            self._can[kind] = able[0]

    def status(self) -> Mapping[str, Any]:
        """See `AnyService.status`."""
        state = {"name": self.name, "abilities": names_of(self._can)}
        try:
            return {**state, "available": True, **self._details()}
        except StoredDataError as error:
            return {**state, "available": False, "reason": str(error)}

    def ability(self, kind: type[C]) -> C | None:
        """See `AnyService.ability`."""
        able: C | None = self._can.get(kind)
        return able


class ImageFileAdapter:
    """Lets a service of features be called with image files instead of pixels.

    Args:
        service: The service.
    """

    def __init__(self, service: Service[Any]) -> None:
        self._service = service

    @property
    def options(self) -> type[SearchOptions]:
        """See `SearchesImages.options`."""
        return self._service.options

    @property
    def working_side(self) -> int:
        """See `HoldsImages.working_side`."""
        return self._service.extractor.working_side

    def details(self) -> Mapping[str, Any]:
        """Return the part of the status that services with images have."""
        status = self._service.status()
        return {
            "count": status.count,
            "index": {"kind": status.index, "rows": status.rows, "lag": status.lag},
            "spec": dict(status.spec),
            "store": {"id": status.store_id, "seq": status.seq},
        }

    def search(self, image: "ImageFile", request: SearchRequest) -> Answer:
        """See `SearchesImages.search`."""
        options = check_options(self.options, request.options)
        side = options.image_side(self.working_side)
        return self._service.search(image.at(side), request)

    def search_by_id(self, image_id: ImageId, request: SearchRequest) -> Answer:
        """See `SearchesImages.search_by_id`."""
        return self._service.search_by_id(image_id, request)

    def extract(self, images: "Sequence[ImageFile]") -> list[Feature]:
        """See `HoldsImages.extract`."""
        side = self.working_side
        return self._service.extractor.extract([image.at(side) for image in images])

    def put(self, extracted: Mapping[ImageId, Any]) -> None:
        """See `HoldsImages.put`."""
        self._service.put(extracted)

    def remove(self, ids: Sequence[ImageId]) -> list[ImageId]:
        """See `HoldsImages.remove`."""
        return self._service.remove(ids)

    def ids(self, *, after: ImageId | None = None, limit: int) -> list[ImageId]:
        """See `HoldsImages.ids`."""
        return self._service.ids(after=after, limit=limit)
