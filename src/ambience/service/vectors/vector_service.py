"""A service that finds images by one vector each."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ambience.core.errors import BadParameterError
from ambience.core.features import (
    Extractor,
    Feature,
    ImageId,
    Query,
    Turning,
)
from ambience.core.matches import Answer, Match
from ambience.engine import Collection, Neighbor, TurnRows
from ambience.engine.neighbors import compared, nearest_images, stacked
from ambience.service.declaration import ServiceParts
from ambience.service.search_request import SearchRequest
from ambience.service.service import Service
from ambience.service.vectors.background_sample import BackgroundSample
from ambience.service.vectors.vector_options import VectorOptions


class VectorService(Service[Collection]):
    """A service with one feature per image, found by the nearest rows.

    Args:
        name: The service.
        extractor: Extracts its features.
        collection: Stores them.
        min_quality: Features below it prove nothing. They are neither searched with nor
            compared, just as the collection neither finds nor groups them.
        background: Whether searches also return how near random images are.
    """

    options = VectorOptions

    def __init__(
        self,
        *,
        name: str,
        extractor: Extractor,
        collection: Collection,
        min_quality: float = 0.0,
        background: bool = False,
    ) -> None:
        super().__init__(name, extractor, collection)
        self._min_quality = min_quality
        self._sample = BackgroundSample(collection) if background else None

    def compare(self, image_id: ImageId, others: Sequence[ImageId]) -> list[Match]:
        """Return the distances from an image to others, nearest first.

        Images that are unknown here or of too little quality are left out.
        """
        good = {
            known: feature
            for known, feature in self._collection.get([image_id, *others]).items()
            if feature.quality >= self._min_quality
        }
        if image_id not in good:
            return []
        compared_with = {other: good[other] for other in others if other in good}
        return compared_features(self.extractor, good[image_id], compared_with)

    def groups(self, *, radius: float, turned: bool = False) -> list[list[ImageId]]:
        """Return the groups of images that chains of near images connect.

        Args:
            radius: The largest distance of neighbors in a chain.
            turned: Whether turned and mirrored copies count as near, too.

        Raises:
            BadParameterError: If these features can't be turned.
        """
        turn: TurnRows | None = None
        if turned:
            if not isinstance(self.extractor, Turning):
                raise BadParameterError(f"{self.name} can't compare turned images")
            turn = self.extractor.turned
        return self._collection.groups(radius=radius, turn=turn)

    def _answer(
        self,
        query: Query,
        request: SearchRequest,
        options: VectorOptions,
        without: ImageId | None = None,
    ) -> Answer:
        query = options.kept(query)
        if query.quality < self._min_quality:
            return Answer(
                note="the image is nearly flat: there is too little in it to compare"
            )
        near = self._near(query, request, options, others=int(without is not None))
        sample = self._sample if self._tells_background(options) else None
        return request.answer(
            [_match(found, query) for found in near if found.image_id != without],
            background=None if sample is None else sample.compared(query),
        )

    def _near(
        self, query: Query, request: SearchRequest, options: Any, *, others: int
    ) -> list[Neighbor]:
        """Return the neighbors of a query, nearest first.

        Args:
            query: What to search with.
            request: How many or how far.
            options: The search options, for services that have more of them.
            others: How many more to return, because the caller may leave some out.
        """
        del options
        if request.k is not None:
            return self._collection.nearest(query.rows, k=request.k + others)
        return self._collection.within(query.rows, radius=request.radius or 0)

    def _tells_background(self, options: Any) -> bool:
        """Whether the answer says how near random images are."""
        return bool(options.background)


def one_feature(
    *,
    min_quality: float = 0.0,
    background: bool = False,
    kind: type[VectorService] = VectorService,
) -> Callable[[ServiceParts[Any]], VectorService]:
    """Return a function that assembles a service with one feature per image.

    Args:
        min_quality: See `VectorService`.
        background: See `VectorService`.
        kind: The class of the service.
    """

    def assemble(parts: ServiceParts[Any]) -> VectorService:
        spec = parts.extractor.spec
        return kind(
            name=parts.name,
            extractor=parts.extractor,
            collection=parts.engine.vectors(parts.name, spec, min_quality=min_quality),
            min_quality=min_quality,
            background=background,
        )

    return assemble


def compared_features(
    extractor: Extractor, one: Feature, others: Mapping[ImageId, Feature]
) -> list[Match]:
    """Return the distances from one image to others, nearest first.

    Args:
        extractor: The extractor of the features.
        one: The feature of the one image.
        others: The features of the others.
    """
    query, spec = extractor.query_from(one), extractor.spec
    near = nearest_images(
        *compared(spec, query.rows, *stacked(spec, others)), scale=spec.scale
    )
    return [_match(neighbor, query) for neighbor in near]


def _match(neighbor: Neighbor, query: Query) -> Match:
    details = {}
    if query.orientations:
        details["orientation"] = str(query.orientations[neighbor.query_row])
    return Match(neighbor.image_id, neighbor.distance, details)
