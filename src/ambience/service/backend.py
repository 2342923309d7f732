"""A service as its callers see it: in this process, in another one, or out of order."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from ambience.core.errors import (
    BadParameterError,
    StoredDataError,
    UnavailableError,
)
from ambience.core.features import Feature, ImageId
from ambience.core.matches import Answer
from ambience.core.options import SearchOptions
from ambience.core.settings import TIMEOUT_S
from ambience.imaging import ImageFile
from ambience.service.reads_words import ReadsWords
from ambience.service.search_request import SearchRequest
from ambience.service.service import Service


class Backend(Protocol):
    """Adds, removes and finds images; where the work is done is its own affair.

    Every method may be called from any thread, and raises `UnavailableError` when the
    service can't answer.
    """

    @property
    def name(self) -> str:
        """The service's name."""
        ...

    @property
    def options(self) -> type[SearchOptions]:
        """What a search may be told."""
        ...

    @property
    def reads_words(self) -> bool:
        """Whether `search_text` finds anything."""
        ...

    @property
    def timeout_s(self) -> float:
        """How long a search waits for its answer, in seconds."""
        ...

    def status(self) -> Mapping[str, Any]:
        """Return how the service is doing, as JSON values."""
        ...

    @property
    def working_side(self) -> int | None:
        """The longest side of the images it wants; ``None`` if it looks at none."""
        ...

    def extract(self, images: Sequence[ImageFile], /) -> Sequence[object]:
        """Return what `put` needs to know of each image."""
        ...

    def put(self, extracted: Mapping[ImageId, Any], /) -> None:
        """Add or replace images, given what `extract` returned for each."""
        ...

    def remove(self, ids: Sequence[ImageId], /) -> list[ImageId]:
        """Forget images; return those that were known."""
        ...

    def ids(self, *, after: ImageId | None = None, limit: int) -> list[ImageId]:
        """Return which images it has, in order: those above one, so many at most."""
        ...

    def search(
        self,
        image: ImageFile,
        request: SearchRequest,
        /,
    ) -> Answer:
        """Find the images most like one, nearest first."""
        ...

    def search_by_id(
        self,
        image_id: ImageId,
        request: SearchRequest,
        /,
    ) -> Answer:
        """Find images like a known one, which itself is left out.

        Raises:
            NotFoundError: If it is unknown.
        """
        ...

    def search_text(
        self,
        text: str,
        request: SearchRequest,
        /,
    ) -> Answer:
        """Find the images that words describe best.

        Raises:
            BadParameterError: If the service reads no words.
        """
        ...

    def close(self) -> None:
        """Release what it holds."""
        ...


class LocalBackend:
    """A service in this process.

    Args:
        service: Which.
        timeout_s: How long a search waits for its answer.
    """

    def __init__(self, service: Service[Any], *, timeout_s: float = TIMEOUT_S) -> None:
        self.service = service
        self.options = service.options
        self.reads_words = isinstance(service, ReadsWords)
        self.timeout_s = timeout_s

    @property
    def name(self) -> str:
        """See `Backend.name`."""
        return self.service.name

    def status(self) -> Mapping[str, Any]:
        """See `Backend.status`."""
        try:
            status = self.service.status()
        except StoredDataError as error:
            return UnavailableBackend(self.name, str(error)).status()
        return {
            "name": self.name,
            "available": True,
            "count": status.count,
            "index": {"kind": status.index, "rows": status.rows, "lag": status.lag},
            "spec": dict(status.spec),
            "store": {"id": status.store_id, "seq": status.seq},
        }

    @property
    def working_side(self) -> int:
        """See `Backend.working_side`."""
        return self.service.extractor.working_side

    def extract(self, images: Sequence[ImageFile]) -> list[Feature]:
        """See `Backend.extract`."""
        side = self.working_side
        return self.service.extractor.extract([image.at(side) for image in images])

    def put(self, extracted: Mapping[ImageId, Any]) -> None:
        """See `Backend.put`."""
        self.service.add_features(extracted)

    def remove(self, ids: Sequence[ImageId]) -> list[ImageId]:
        """See `Backend.remove`."""
        return self.service.remove(ids)

    def ids(self, *, after: ImageId | None = None, limit: int) -> list[ImageId]:
        """See `Backend.ids`."""
        return self.service.store.ids(after=after, limit=limit)

    def search(
        self,
        image: ImageFile,
        request: SearchRequest,
    ) -> Answer:
        """See `Backend.search`."""
        return self.service.search(image.at(self.working_side), request)

    def search_by_id(
        self,
        image_id: ImageId,
        request: SearchRequest,
    ) -> Answer:
        """See `Backend.search_by_id`."""
        return self.service.search_by_id(image_id, request)

    def search_text(
        self,
        text: str,
        request: SearchRequest,
    ) -> Answer:
        """See `Backend.search_text`."""
        if not isinstance(self.service, ReadsWords):
            raise BadParameterError(
                f"{self.name} does not search by words: send an image"
            )
        return self.service.search_text(text, request)

    def close(self) -> None:
        """See `Backend.close`."""
        self.service.close()


class UnavailableBackend:
    """A service that could not be opened; everything else works without it.

    Args:
        name: The service's name.
        reason: Why, and what to do, in a sentence.
        options: What a search may be told, once it is there.
        reads_words: Whether it will search by words.
    """

    def __init__(
        self,
        name: str,
        reason: str,
        options: type[SearchOptions] = SearchOptions,
        *,
        reads_words: bool = False,
    ) -> None:
        self.name = name
        self.working_side = None
        self.options = options
        self.reads_words = reads_words
        self.timeout_s = TIMEOUT_S  # it answers at once
        self._reason = reason

    def status(self) -> Mapping[str, Any]:
        """See `Backend.status`."""
        return {"name": self.name, "available": False, "reason": self._reason}

    def extract(self, images: Sequence[ImageFile]) -> list[None]:
        """Return nothing of each: there is nobody to make features."""
        return [None for _ in images]

    def put(self, _: Mapping[ImageId, Any]) -> None:
        """See `Backend.put`."""
        raise UnavailableError(self._reason)

    def remove(self, _: Sequence[ImageId]) -> list[ImageId]:
        """See `Backend.remove`."""
        raise UnavailableError(self._reason)

    def ids(self, **_: Any) -> list[ImageId]:
        """See `Backend.ids`."""
        raise UnavailableError(self._reason)

    def search(self, _: ImageFile, __: SearchRequest) -> Answer:
        """See `Backend.search`."""
        raise UnavailableError(self._reason)

    def search_by_id(self, _: ImageId, __: SearchRequest) -> Answer:
        """See `Backend.search_by_id`."""
        raise UnavailableError(self._reason)

    def search_text(self, _: str, __: SearchRequest) -> Answer:
        """See `Backend.search_text`."""
        raise UnavailableError(self._reason)

    def close(self) -> None:
        """See `Backend.close`."""
