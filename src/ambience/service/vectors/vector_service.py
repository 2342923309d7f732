"""Adds, removes and finds images by one kind of likeness, one feature an image."""

import os
from collections.abc import Callable, Sequence
from typing import Any

from ambience.core.errors import BadParameterError
from ambience.core.features import (
    Extractor,
    ImageId,
    Query,
    Turning,
)
from ambience.core.matches import Answer, Match
from ambience.engine.embedded.flat_index import FlatIndex
from ambience.engine.embedded.hamming.hamming_index import HammingIndex
from ambience.engine.embedded.index import Neighbor, VectorIndex
from ambience.engine.embedded.index_follower import Following
from ambience.engine.embedded.snapshots import Snapshots
from ambience.engine.embedded.store import FeatureStore
from ambience.service.declaration import Parts
from ambience.service.search_request import SearchRequest
from ambience.service.service import Service
from ambience.service.vectors.background_sample import BackgroundSample
from ambience.service.vectors.vector_options import VectorOptions


class RetrievalService(Service[VectorIndex]):
    """One kind of likeness, one feature an image: what is stored is searched.

    Args:
        name: Of the service.
        extractor: Makes its features.
        store: Keeps them.
        make_index: Returns an empty index, to be filled from a snapshot and the store.
        snapshots: Where snapshots of the index are.
        min_quality: Features below it are stored but prove nothing: they are neither
            found nor searched with.
        background: Whether searches say how near any images are, to compare with.
    """

    options = VectorOptions

    def __init__(  # noqa: PLR0913 -- its parts, each passed in by name
        self,
        *,
        name: str,
        extractor: Extractor,
        store: FeatureStore,
        make_index: Callable[[], VectorIndex],
        snapshots: Snapshots,
        min_quality: float = 0.0,
        background: bool = False,
    ) -> None:
        following = Following(
            name,
            store,
            make_index(),
            snapshots=snapshots,
            wanted=lambda changes: changes.qualities >= min_quality,
        )
        super().__init__(name, extractor, following)
        self._make_index = make_index
        self._min_quality = min_quality
        self._sample = BackgroundSample(store) if background else None

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

    def _answer(
        self,
        query: Query,
        request: SearchRequest,
        options: VectorOptions,
        without: ImageId | None = None,
    ) -> Answer:
        query = options.kept(query)
        sample = self._sample if options.background else None
        if query.quality < self._min_quality:
            return Answer(
                note="the image is nearly flat: there is too little in it to compare"
            )
        self._catch_up()
        index = self._following.index
        if request.k is not None:
            near = index.search(query.rows, k=request.k + (without is not None))
        else:
            near = index.within(query.rows, radius=request.radius or 0)
        return request.answer(
            [_match(found, query) for found in near if found.image_id != without],
            background=None if sample is None else sample.compared(query),
        )


def one_feature(
    make_index: Callable[[FeatureStore], VectorIndex],
    *,
    min_quality: float = 0.0,
    background: bool = False,
) -> Callable[[Parts[Any]], RetrievalService]:
    """Return how a service of one feature an image is assembled.

    Args:
        make_index: Builds an empty index over a store.
        min_quality: See `RetrievalService`.
        background: See there.
    """

    def assemble(parts: Parts[Any]) -> RetrievalService:
        return RetrievalService(
            name=parts.name,
            extractor=parts.extractor,
            store=parts.store,
            make_index=lambda: make_index(parts.store),
            snapshots=parts.snapshots,
            min_quality=min_quality,
            background=background,
        )

    return assemble


def _match(neighbor: Neighbor, query: Query) -> Match:
    details = {}
    if query.orientations:
        details["orientation"] = str(query.orientations[neighbor.version])
    return Match(neighbor.image_id, neighbor.distance, details)
