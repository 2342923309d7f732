"""What all services of features share: an extractor and a collection to search."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar

from ambience.core.errors import NotFoundError
from ambience.core.features import Extractor, Feature, Image, ImageId, Query
from ambience.core.matches import Answer
from ambience.core.search_options import SearchOptions, check_options
from ambience.engine import Features, Reading
from ambience.service.search_request import SearchRequest
from ambience.service.status import ServiceStatus

CollectionT = TypeVar("CollectionT", bound=Features)


class Service(ABC, Generic[CollectionT]):
    """A service of features of any kind, stored by any engine.

    Searches and changes may run concurrently. A search sees every change that ended
    before the search began.

    Args:
        name: The service.
        extractor: Extracts its features.
        collection: Stores and searches them; closed with the service.
    """

    options: type[SearchOptions] = SearchOptions

    def __init__(
        self, name: str, extractor: Extractor, collection: CollectionT
    ) -> None:
        self.name = name
        self.extractor = extractor
        self._collection = collection

    def close(self) -> None:
        """Save what makes the next start fast, and release everything."""
        self._collection.close()

    def status(self) -> ServiceStatus:
        """Return the state of the service."""
        return ServiceStatus.of(self._collection.spec, self._collection.status())

    def add(self, images: Mapping[ImageId, Image]) -> None:
        """Extract and store the features of images, replacing any they had."""
        features = self.extractor.extract(list(images.values()))
        self.put(dict(zip(images, features, strict=True)))

    def put(self, features: Mapping[ImageId, Feature]) -> None:
        """Store extracted features, all of them or none."""
        self._collection.put(features)

    def remove(self, ids: Sequence[ImageId]) -> list[ImageId]:
        """Remove images; return those that were stored."""
        return self._collection.remove(ids)

    def ids(
        self, *, after: ImageId | None = None, limit: int | None = None
    ) -> list[ImageId]:
        """Return at most ``limit`` ids above ``after``, in ascending order."""
        return self._collection.ids(after=after, limit=limit)

    def highest_id(self, *, below: int) -> ImageId | None:
        """Return the highest id below a bound that was ever stored here."""
        return self._collection.highest_id(below=below)

    def readings(self, *, after: ImageId | None = None) -> Iterator[Reading]:
        """Read every feature, in ascending order of ids, to find damaged ones."""
        return self._collection.readings(after=after)

    def damaged(self, ids: Sequence[ImageId]) -> list[ImageId]:
        """Return which of these images have damaged features."""
        return self._collection.damaged(ids)

    def remove_damaged(self, ids: Sequence[ImageId]) -> list[ImageId]:
        """Remove the damaged features among these; return their images."""
        return self._collection.remove_damaged(ids)

    def add_checksums(self, ids: Sequence[ImageId]) -> None:
        """Add a checksum to the features among these that have none."""
        self._collection.add_checksums(ids)

    def search(
        self,
        image: Image,
        request: SearchRequest,
    ) -> Answer:
        """Find the images most like another, nearest first.

        Args:
            image: The query.
            request: How many matches or how far, and the options.

        Raises:
            BadParameterError: If an option is wrong.
        """
        checked = check_options(self.options, request.options)
        return self._answer(self.extractor.query(image), request, checked)

    def search_by_id(
        self,
        image_id: ImageId,
        request: SearchRequest,
    ) -> Answer:
        """Find images like a stored one, which itself is left out.

        Raises:
            NotFoundError: If ``image_id`` is unknown.
            BadParameterError: See `search`.
        """
        checked = check_options(self.options, request.options)
        feature = self._collection.get([image_id]).get(image_id)
        if feature is None:
            raise NotFoundError(f"image {image_id} has no feature here")
        query = self.extractor.query_from(feature)
        return self._answer(query, request, checked, without=image_id)

    def snapshot(self) -> None:
        """Save what makes the next start fast, if anything changed."""
        self._collection.snapshot()

    def rebuild(self) -> None:
        """Build a new index from the stored features and switch to it."""
        self._collection.rebuild()

    @abstractmethod
    def _answer(
        self,
        query: Query,
        request: SearchRequest,
        options: Any,
        without: ImageId | None = None,
    ) -> Answer:
        """Return what is like a query, without one image."""
