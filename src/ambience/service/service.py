"""What every service is: an extractor, a collection of features, and searches."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar

from ambience.core.errors import NotFoundError
from ambience.core.features import Extractor, Feature, Image, ImageId, Query
from ambience.core.matches import Answer
from ambience.core.options import SearchOptions, check_options
from ambience.engine import Features, Reading
from ambience.service.search_request import SearchRequest
from ambience.service.status import ServiceStatus

CollectionT = TypeVar("CollectionT", bound=Features)


class Service(ABC, Generic[CollectionT]):
    """A running service, whatever its features are and wherever they are kept.

    Searches run at once with each other and with changes, and see every change that
    ended before they began.

    Args:
        name: Of the service.
        extractor: Makes its features.
        collection: Keeps them and finds the nearest; closed with the service.
    """

    options: type[SearchOptions] = SearchOptions

    def __init__(
        self, name: str, extractor: Extractor, collection: CollectionT
    ) -> None:
        self.name = name
        self.extractor = extractor
        self._collection = collection

    def close(self) -> None:
        """Save what shortens the next start, and release everything."""
        self._collection.close()

    def status(self) -> ServiceStatus:
        """Return how the service is doing."""
        return ServiceStatus.of(self._collection.spec, self._collection.status())

    def add(self, images: Mapping[ImageId, Image]) -> None:
        """Extract and keep the features of images; adding an id again replaces it."""
        features = self.extractor.extract(list(images.values()))
        self.put(dict(zip(images, features, strict=True)))

    def put(self, features: Mapping[ImageId, Feature]) -> None:
        """Keep features that were extracted elsewhere; all of them, or none."""
        self._collection.put(features)

    def remove(self, ids: Sequence[ImageId]) -> list[ImageId]:
        """Forget images; return those that were known."""
        return self._collection.remove(ids)

    def ids(
        self, *, after: ImageId | None = None, limit: int | None = None
    ) -> list[ImageId]:
        """Return the ids above ``after``, in order, at most ``limit`` of them."""
        return self._collection.ids(after=after, limit=limit)

    def highest_id(self, *, below: int) -> ImageId | None:
        """Return the highest id below a bound that any image has or had here."""
        return self._collection.highest_id(below=below)

    def readings(self, *, after: ImageId | None = None) -> Iterator[Reading]:
        """Read every feature, in order of ids, to find those that were damaged."""
        return self._collection.readings(after=after)

    def damaged(self, ids: Sequence[ImageId]) -> list[ImageId]:
        """Return those of these images whose features are damaged."""
        return self._collection.damaged(ids)

    def remove_damaged(self, ids: Sequence[ImageId]) -> list[ImageId]:
        """Remove those of these images whose features are damaged; return them."""
        return self._collection.remove_damaged(ids)

    def add_checksums(self, ids: Sequence[ImageId]) -> None:
        """Give a checksum to those of these features that have none, as they are."""
        self._collection.add_checksums(ids)

    def search(
        self,
        image: Image,
        request: SearchRequest,
    ) -> Answer:
        """Find the images most like one, nearest first.

        Args:
            image: What to search with.
            request: How many at most or how far, and the options.

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
        """Find images like a known one, which itself is left out.

        Raises:
            NotFoundError: If ``image_id`` is unknown.
            BadParameterError: As for `search`.
        """
        checked = check_options(self.options, request.options)
        feature = self._collection.get([image_id]).get(image_id)
        if feature is None:
            raise NotFoundError(f"image {image_id} has no feature here")
        query = self.extractor.query_from(feature)
        return self._answer(query, request, checked, without=image_id)

    def snapshot(self) -> None:
        """Save what shortens the next start, if anything changed."""
        self._collection.snapshot()

    def rebuild(self) -> None:
        """Make the index anew from the features and use it from then on."""
        self._collection.rebuild()

    @abstractmethod
    def _answer(
        self,
        query: Query,
        request: SearchRequest,
        options: Any,
        without: ImageId | None = None,
    ) -> Answer:
        """Return what is like a query, but for one image."""
