"""Declares the color service."""

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
    SearchRequest,
    ServiceParts,
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

# The entropy of four colors with equal shares. Of 100 photographs, 99 have at least 2.2
# bits; blank pages have 0, drawings in two colors at most 1. Images that are mostly
# night or snow have about as little: they would match anything dark or white.
MIN_VARIETY = 2 / 9

_MORE = 4  # candidates by Hellinger for each requested neighbor by L1,
_LEAST = 200  # but at least this many


class ColorSettings(ServiceSettings):
    """``[services.color]``.

    Attributes:
        distance: How palettes are compared: ``hellinger`` or ``l1``. The latter gives
            the answers of the original, flat images included. The two use different
            features: after a change, run ``ambience rebuild color``.
    """

    distance: Literal["hellinger", "l1"] = "hellinger"


class ColorOptions(VectorOptions):
    """The options of a search by color."""

    metric: Literal["l1"] | None = Field(
        default=None,
        description="The distance in the answer, and of radius: l1, the sum of "
        "absolute differences of shares, 0 to 2. The default is the distance that the "
        "service compares with.",
    )


class ColorService(VectorService):
    """Re-ranks the nearest images by L1 on request."""

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
            # Nearly all of the nearest by L1 are among these.
            wide = replace(request, k=max(_LEAST, _MORE * (request.k or 0)))
        else:
            # Includes all, as the square of Hellinger's distance is at most half of L1.
            wide = replace(request, radius=math.sqrt(max(0.0, request.radius) / 2))
        near = super()._answer(query, wide, options, without)
        # Images may have been removed since.
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
    """Return the extractor for the distance in the settings."""
    match settings.distance:
        case "hellinger":
            return HellingerExtractor()
        case "l1":
            return L1Extractor()


def evidence(settings: ColorSettings) -> Evidence:
    """Return what the distance in the settings can prove."""
    match settings.distance:
        case "hellinger":
            return HELLINGER
        case "l1":
            return L1


def assemble(parts: ServiceParts[ColorSettings]) -> VectorService:
    """Create the service; except with L1, flat images are similar to nothing."""
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
