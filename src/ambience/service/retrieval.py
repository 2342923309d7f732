"""Adds, removes and finds images by one kind of likeness, one feature an image."""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ambience.core.errors import BadParameterError
from ambience.core.features import (
    Extractor,
    Feature,
    Image,
    ImageId,
    Query,
    Turning,
)
from ambience.core.matches import Answer, Match
from ambience.core.options import SearchOptions, check_options
from ambience.index import Neighbor, VectorIndex
from ambience.index.flat import FlatIndex
from ambience.index.hamming import HammingIndex
from ambience.index.snapshot import Snapshots
from ambience.service.declaration import Parts
from ambience.service.following import Following
from ambience.service.status import ServiceStatus
from ambience.store import FeatureStore


class RetrievalService:
    """One kind of likeness: what is stored is searched.

    Every change is written to the store first; the index then reads it from there, as
    it reads the changes of other processes on the same store. Searches run at once
    with each other and with changes, and see every change that ended before they began.

    Args:
        name: Of the service.
        extractor: Makes its features.
        store: Keeps them.
        make_index: Returns an empty index, to be filled from a snapshot and the store.
        snapshots: Where snapshots of the index are.
        min_quality: Features below it are stored but prove nothing: they are neither
            found nor searched with.
    """

    def __init__(  # noqa: PLR0913 -- its parts, each passed in by name
        self,
        *,
        name: str,
        extractor: Extractor,
        store: FeatureStore,
        make_index: Callable[[], VectorIndex],
        snapshots: Snapshots,
        min_quality: float = 0.0,
    ) -> None:
        self.name = name
        self.extractor = extractor
        self.store = store
        self._make_index = make_index
        self._min_quality = min_quality
        self._following = Following(
            name,
            store,
            make_index(),
            snapshots=snapshots,
            wanted=lambda changes: changes.qualities >= min_quality,
        )

    def close(self) -> None:
        """Write a snapshot if anything changed since the last; release the files."""
        self._following.close()
        self.store.close()

    def status(self) -> ServiceStatus:
        """Return how the service is doing."""
        return ServiceStatus(
            count=len(self.store),
            rows=len(self._following.index),
            index=type(self._following.index).__name__,
            lag=self._following.lag,
            spec=self.store.spec.as_dict(),
        )

    def add(self, images: Mapping[ImageId, Image]) -> None:
        """Extract and keep the features of images; adding an id again replaces it."""
        features = self.extractor.extract(list(images.values()))
        self.add_features(dict(zip(images, features, strict=True)))

    def add_features(self, features: Mapping[ImageId, Feature]) -> None:
        """Keep features that were extracted elsewhere; all of them, or none."""
        self.store.put(features)
        self._following.catch_up()

    def remove(self, ids: Sequence[ImageId]) -> list[ImageId]:
        """Forget images; return those that were known."""
        known = self.store.remove(ids)
        self._following.catch_up()
        return known

    def search(
        self,
        image: Image,
        *,
        k: int | None = None,
        radius: float | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> Answer:
        """See `Service.search`."""
        check_options(SearchOptions, options or {})
        return self._answer(self.extractor.query(image), k=k, radius=radius)

    def search_by_id(
        self,
        image_id: ImageId,
        *,
        k: int | None = None,
        radius: float | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> Answer:
        """See `Service.search_by_id`."""
        check_options(SearchOptions, options or {})
        query = self.extractor.query_from(self.store.get(image_id))
        answer = self._answer(query, k=None if k is None else k + 1, radius=radius)
        others = tuple(m for m in answer.matches if m.image_id != image_id)
        return Answer(others[:k], answer.note)

    def compare(self, image_id: ImageId, others: Sequence[ImageId]) -> list[Match]:
        """Return how far some known images are from another, nearest first.

        Images that are not known here, or of too little quality, are left out.
        """
        if image_id not in self.store:
            return []
        query = self.extractor.query_from(self.store.get(image_id))
        if query.quality < self._min_quality:
            return []
        good = [
            other
            for other in others
            if other in self.store
            and self.store.get(other).quality >= self._min_quality
        ]
        owners, rows = self.store.rows_of(good)
        index = FlatIndex(self.store.spec)
        index.add([ImageId(owner) for owner in owners.tolist()], rows)
        near = index.search(query.rows, k=max(1, len(good)))
        return [_match(neighbor, query) for neighbor in near]

    def groups(self, *, radius: float, turned: bool = False) -> list[list[ImageId]]:
        """Return the groups of images that chains of near ones connect.

        Args:
            radius: How far neighbors in a chain may be apart.
            turned: Whether turned and mirrored versions count as near, too.

        Raises:
            BadParameterError: If this kind of feature has no groups.
        """
        self._following.catch_up()
        ways = self.extractor if isinstance(self.extractor, Turning) else None
        if not isinstance(self._following.index, HammingIndex) or (
            turned and ways is None
        ):
            raise BadParameterError(f"{self.name} does not group images")
        return self._following.index.groups(
            radius=radius,
            turned=ways.turned if turned and ways is not None else None,
            threads=os.cpu_count() or 1,
        )

    def rebuild(self) -> None:
        """Fill a fresh index from the store and use it from then on."""
        self._following.rebuild(self._make_index())

    def snapshot(self) -> None:
        """Write the index to disk if it changed since the last time."""
        self._following.snapshot()

    def _answer(self, query: Query, *, k: int | None, radius: float | None) -> Answer:
        if query.quality < self._min_quality:
            return Answer(
                note="the image is nearly flat: there is too little in it to compare"
            )
        self._following.catch_up()
        match (k, radius):
            case (int(), None):
                near = self._following.index.search(query.rows, k=k)
            case (None, float() | int()):
                near = self._following.index.within(query.rows, radius=radius)
            case _:
                raise BadParameterError("give exactly one of k and radius")
        return Answer(tuple(_match(neighbor, query) for neighbor in near))


def one_feature(
    make_index: Callable[[FeatureStore], VectorIndex], *, min_quality: float = 0.0
) -> Callable[[Parts[Any]], RetrievalService]:
    """Return how a service of one feature an image is assembled.

    Args:
        make_index: Builds an empty index over a store.
        min_quality: See `RetrievalService`.
    """

    def assemble(parts: Parts[Any]) -> RetrievalService:
        return RetrievalService(
            name=parts.name,
            extractor=parts.extractor,
            store=parts.store,
            make_index=lambda: make_index(parts.store),
            snapshots=parts.snapshots,
            min_quality=min_quality,
        )

    return assemble


def _match(neighbor: Neighbor, query: Query) -> Match:
    details = {}
    if query.orientations:
        details["orientation"] = str(query.orientations[neighbor.version])
    return Match(neighbor.image_id, neighbor.distance, details)
