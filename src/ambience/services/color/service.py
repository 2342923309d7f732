"""Declares the color service."""

import math
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field

from ambience.core.features import Extractor, Query
from ambience.core.settings import ServiceSettings
from ambience.engine import Neighbor
from ambience.engine.neighbors import nearest_images
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
    l1_distances,
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

    def _near(
        self, query: Query, request: SearchRequest, options: Any, *, others: int
    ) -> list[Neighbor]:
        if not self._is_by_l1(options):
            return super()._near(query, request, options, others=others)
        k = None if request.k is None else request.k + others
        if k is not None:
            # Nearly all of the nearest by L1 are among these.
            wide = max(_LEAST, _MORE * k)
            owners, rows = self._collection.nearby_rows(query.rows, k=wide)
        else:
            # None is missed: the square of Hellinger's distance is at most half of L1.
            radius = math.sqrt(max(0.0, request.radius or 0) / 2)
            owners, rows = self._collection.nearby_rows(query.rows, radius=radius)
        apart = l1_distances(query.rows, rows)
        return nearest_images(owners, apart, np.zeros_like(owners), k=k)

    def _tells_background(self, options: Any) -> bool:
        # The images drawn for the background are compared by Hellinger's distance.
        return super()._tells_background(options) and not self._is_by_l1(options)

    def _is_by_l1(self, options: Any) -> bool:
        """Whether the answer is ordered by L1, although the collection is not."""
        return options.metric not in {None, self._collection.spec.metric}


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
    port=33335,
    settings=ColorSettings,
    options=ColorOptions,
    evidence=evidence,
    make_extractor=make_extractor,
    assemble=assemble,
)
