"""Finds images whose tiles are light and dark in the same places."""

from collections.abc import Sequence

import numpy as np

from ambience.core.features import (
    WORKING_SIDE,
    Feature,
    FeatureSpec,
    Image,
    Metric,
    Query,
    Rows,
)
from ambience.core.matches import Relation
from ambience.core.settings import ServiceSettings
from ambience.fusion import Curve, Evidence, Proof, Scale
from ambience.service import ServiceSpec, one_feature

TILES = 8  # each way


class ShadesExtractor:
    """One bit for each tile: whether it is lighter than the image is on average."""

    spec = FeatureSpec(dim=TILES, dtype="uint8", metric=Metric.HAMMING)
    working_side = WORKING_SIDE

    def extract(self, images: Sequence[Image]) -> list[Feature]:
        return [Feature(shades(image)) for image in images]

    def query(self, image: Image) -> Query:
        return Query(shades(image))

    def query_from(self, feature: Feature) -> Query:
        return Query(feature.rows)


def shades(image: Image) -> Rows:
    gray = image.pixels.mean(axis=2)
    rows = np.array_split(gray, TILES)
    tiles = [[t.mean() for t in np.array_split(row, TILES, axis=1)] for row in rows]
    return np.packbits(np.array(tiles) > gray.mean()).reshape(1, TILES)


SERVICE = ServiceSpec(
    name="toy_shades",
    port=33901,
    settings=ServiceSettings,
    evidence=lambda _: Evidence(
        proves=Proof.WHOLE,
        relations=frozenset({Relation.RE_ENCODED}),
        relation=lambda _: Relation.RE_ENCODED,
        words=lambda _, measured: f"{measured['distance']:.0f} of 64 tiles differ",
        scale=Scale.DISTANCE,
        curve=Curve(seen=0.9, middle=24.0, width=0.5),
    ),
    make_extractor=lambda *_: ShadesExtractor(),
    assemble=one_feature(),
)
