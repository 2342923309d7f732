"""The color room, declared."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field

from ambience.core.features import Extractor, ImageId, Query
from ambience.core.matches import Answer, Match
from ambience.core.settings import ServiceSettings
from ambience.engine.neighbors import stacked
from ambience.fusion import Evidence
from ambience.service import (
    Parts,
    SearchRequest,
    ServiceSpec,
    VectorService,
    one_feature,
)
from ambience.service.vectors.vector_options import VectorOptions
from ambience.services.color.evidence import HELLINGER, L1
from ambience.services.color.extract import (
    HellingerExtractor,
    L1Extractor,
    shares_of,
)

# Of entropy: as four colors of equal shares have. Photographs have 2.2 bits and more
# (99 of 100), blank pages 0, drawings in two colors 1 at most, and what is mostly night
# or snow about as much: those share their one color with whatever is dark or white.
MIN_VARIETY = 2 / 9

_MORE = 4  # neighbors by Hellinger for each one by L1 that is asked for,
_LEAST = 200  # but never fewer


class ColorSettings(ServiceSettings):
    """``[services.color]``.

    Attributes:
        distance: How palettes are compared: by ``hellinger``, or by ``l1``, which gives
            the answers of the original, flat images included. The features of the two
            differ: after a change, run ``ambience rebuild color``.
    """

    distance: Literal["hellinger", "l1"] = "hellinger"


class ColorOptions(VectorOptions):
    """What a search for colors may be told."""

    metric: Literal["l1"] | None = Field(
        default=None,
        description="The distance of the answers, and of radius: l1, the sum of "
        "absolute differences of shares, 0 to 2. By default it is the distance that "
        "the service compares by.",
    )


class ColorService(VectorService):
    """Puts the nearest by the Hellinger distance in order by L1 where that is asked."""

    options = ColorOptions

    def _answer(
        self,
        query: Query,
        request: SearchRequest,
        options: Any,
        without: ImageId | None = None,
    ) -> Answer:
        if options.metric in {None, self._collection.spec.metric}:
            return super()._answer(query, request, options, without)
        if request.radius is None:
            # Of the nearest by L1 nearly all are among these.
            wide = replace(request, k=max(_LEAST, _MORE * (request.k or 0)))
        else:
            # The square of Hellinger's distance is at most half of L1: all are within.
            wide = replace(request, radius=math.sqrt(max(0.0, request.radius) / 2))
        near = super()._answer(query, wide, options, without)
        # Some may have gone since.
        kept = self._collection.get([match.image_id for match in near.matches])
        image_ids, rows = stacked(self._collection.spec, kept)
        apart = np.abs(shares_of(rows) - shares_of(query.rows)).sum(axis=1)
        matches = [
            Match(ImageId(image_id), distance)
            for image_id, distance in zip(
                image_ids.tolist(), apart.tolist(), strict=True
            )
        ]
        return request.answer(matches, near.note)


def make_extractor(settings: ColorSettings, _: Path) -> Extractor:
    """Return the extractor that goes with the distance."""
    match settings.distance:
        case "hellinger":
            return HellingerExtractor()
        case "l1":
            return L1Extractor()


def evidence(settings: ColorSettings) -> Evidence:
    """Return what the distance can prove."""
    match settings.distance:
        case "hellinger":
            return HELLINGER
        case "l1":
            return L1


def assemble(parts: Parts[ColorSettings]) -> VectorService:
    """Put the service together; flat images are similar to nothing, but by L1."""
    return one_feature(
        min_quality=0.0 if parts.settings.distance == "l1" else MIN_VARIETY,
        background=True,
        kind=ColorService,
    )(parts)


SERVICE = ServiceSpec(
    name="color",
    finds="images with a similar palette, whatever they show",
    port=33335,
    settings=ColorSettings,
    options=ColorOptions,
    evidence=evidence,
    make_extractor=make_extractor,
    assemble=assemble,
)
