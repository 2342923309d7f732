"""What every service is: features that are kept, an index in step, and searches."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Generic

from ambience.core.features import Extractor, Feature, Image, ImageId, Query
from ambience.core.matches import Answer
from ambience.core.options import SearchOptions, check_options
from ambience.engine.collection import Reading
from ambience.engine.embedded.index_follower import Following, IndexT
from ambience.service.search_request import SearchRequest
from ambience.service.status import ServiceStatus


class Service(ABC, Generic[IndexT]):
    """A running service, whatever its features are.

    Every change is written to the store first; the index then reads it from there, as
    it reads the changes of other processes on the same store. Searches run at once
    with each other and with changes, and see every change that ended before they began.

    Args:
        name: Of the service.
        extractor: Makes its features.
        following: The index, and the store that it follows.
    """

    options: type[SearchOptions] = SearchOptions

    def __init__(
        self, name: str, extractor: Extractor, following: Following[IndexT]
    ) -> None:
        self.name = name
        self.extractor = extractor
        self.store = following.store
        self._following = following

    def close(self) -> None:
        """Write a snapshot if anything changed since the last; release the files."""
        self._following.close()
        self.store.close()

    def status(self) -> ServiceStatus:
        """Return how the service is doing."""
        return ServiceStatus(
            count=len(self.store),
            rows=len(self._following.index),
            index=self._kind(),
            lag=self._following.lag,
            spec=self.store.spec.as_dict(),
            store_id=self.store.store_id,
            seq=self.store.last_seq(),
        )

    def add(self, images: Mapping[ImageId, Image]) -> None:
        """Extract and keep the features of images; adding an id again replaces it."""
        features = self.extractor.extract(list(images.values()))
        self.put(dict(zip(images, features, strict=True)))

    def put(self, features: Mapping[ImageId, Feature]) -> None:
        """Keep features that were extracted elsewhere; all of them, or none."""
        self.store.put(features)
        self._catch_up()

    def ids(
        self, *, after: ImageId | None = None, limit: int | None = None
    ) -> list[ImageId]:
        """Return the ids of images, in order: those above one, so many at most."""
        return self.store.ids(after=after, limit=limit)

    def highest_id(self, *, below: int) -> ImageId | None:
        """Return the highest id of an image, removed ones included, below a bound."""
        return self.store.highest_id(below=below)

    def readings(self, *, after: ImageId | None = None) -> Iterator[Reading]:
        """Read every feature, by id, to find those that have changed by themselves."""
        return self.store.read_all(after=after)

    def damaged(self, ids: Sequence[ImageId]) -> list[ImageId]:
        """Return those of these images whose features are damaged."""
        return self.store.damaged(ids)

    def remove_damaged(self, ids: Sequence[ImageId]) -> list[ImageId]:
        """Remove those of these images whose features are damaged; return them."""
        return self.store.remove_damaged(ids)

    def add_checksums(self, ids: Sequence[ImageId]) -> None:
        """Give a checksum to those of these features that have none, as they are."""
        self.store.add_checksums(ids)

    def remove(self, ids: Sequence[ImageId]) -> list[ImageId]:
        """Forget images; return those that were known."""
        known = self.store.remove(ids)
        self._catch_up()
        return known

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
        query = self.extractor.query_from(self.store.get(image_id))
        return self._answer(query, request, checked, without=image_id)

    def snapshot(self) -> None:
        """Write the index to disk if it changed since the last time."""
        self._following.snapshot()

    @abstractmethod
    def rebuild(self) -> None:
        """Fill a fresh index from the store and use it from then on."""

    @abstractmethod
    def _answer(
        self,
        query: Query,
        request: SearchRequest,
        options: Any,
        without: ImageId | None = None,
    ) -> Answer:
        """Return what is like a query, but for one image."""

    def _kind(self) -> str:
        """Return the kind of index."""
        return type(self._following.index).__name__

    def _catch_up(self) -> None:
        """Bring the index up to date."""
        self._following.catch_up()
