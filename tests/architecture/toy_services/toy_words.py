"""Finds images by the words light and dark."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ambience.core.errors import BadParameterError
from ambience.core.features import (
    WORKING_SIDE,
    Feature,
    FeatureSpec,
    Image,
    Metric,
    Query,
    Rows,
)
from ambience.core.matches import Answer, Match
from ambience.core.settings import ServiceSettings
from ambience.service import SearchRequest, ServiceParts, ServiceSpec, VectorService
from ambience.service.capabilities import RETRIEVAL, SearchesText

LEVELS = {"dark": 0, "light": 255}


class LightExtractor:
    """How light an image is, 0 to 255."""

    spec = FeatureSpec(dim=1, dtype="uint16", metric=Metric.L1)
    working_side = WORKING_SIDE

    def extract(self, images: Sequence[Image]) -> list[Feature]:
        return [Feature(lightness(image)) for image in images]

    def query(self, image: Image) -> Query:
        return Query(lightness(image))

    def query_from(self, feature: Feature) -> Query:
        return Query(feature.rows)


def lightness(image: Image) -> Rows:
    return np.array([[image.pixels.mean()]]).astype(np.uint16)


class LightWords(VectorService):
    """Finds images by how light they are, too."""

    def search_text(self, text: str, request: SearchRequest) -> Answer:
        if text not in LEVELS:
            raise BadParameterError(f"{text!r} says nothing here: say light or dark")
        query = np.array([[LEVELS[text]]], np.uint16)
        near = self._collection.nearest(query, k=request.k or len(self.ids()))
        return request.answer([Match(n.image_id, n.distance) for n in near])


def assemble(parts: ServiceParts[Any]) -> LightWords:
    spec = parts.extractor.spec
    return LightWords(
        name=parts.name,
        extractor=parts.extractor,
        collection=parts.engine.vectors(parts.name, spec),
    )


SERVICE = ServiceSpec(
    name="toy_words",
    port=33902,
    settings=ServiceSettings,
    abilities=RETRIEVAL | {SearchesText},
    make_extractor=lambda *_: LightExtractor(),
    assemble=assemble,
)
