"""What every service that declares evidence promises of it."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from ambience import registry
from ambience.core.matches import Relation
from ambience.core.orientation import Orientation
from ambience.fusion import Proof, Scale
from tests.fusion.curves import declared

SHARES = (0.001, 0.5, 0.92, 1.0)

MEASURED: Mapping[str, list[dict[str, Any]]] = {
    "phash": [
        {"distance": float(bits), "orientation": str(turned)}
        for bits, turned in product((0, 4, 300), Orientation)
    ],
    "color": [{"distance": tenth / 10} for tenth in range(11)],
    "local_features": [
        {"distance": 1.0, "votes": 9.0},
        *(
            {
                "distance": 1e-6,
                "inliers": 40,
                "query_overlap": query,
                "image_overlap": image,
                "rotation_degrees": turned,
                "mirrored": mirrored,
                "transform": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
            }
            for query, image, turned, mirrored in product(
                SHARES, SHARES, (0.0, -40.0), (False, True)
            )
        ),
    ],
}
"""Of each service, measures of every kind."""

SERVICES = [name for name in registry.BUILTIN if registry.load(name).evidence]


@pytest.fixture(params=SERVICES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_it_claims_what_it_says_it_may_and_all_of_that(name: str) -> None:
    evidence = declared(name)
    said = {evidence.relation(measured) for measured in MEASURED[name]}
    assert said - {None} == evidence.relations


def test_every_claim_is_said_in_one_line(name: str) -> None:
    evidence = declared(name)
    for measured in MEASURED[name]:
        relation = evidence.relation(measured)
        if relation is not None:
            words = evidence.words(relation, measured)
            assert words
            assert words == " ".join(words.split())


def test_what_claims_no_copies_proves_none(name: str) -> None:
    evidence = declared(name)
    likes = frozenset({Relation.SIMILAR_COLORS})
    copies = frozenset({Relation.RE_ENCODED})
    wrong = copies if evidence.proves is Proof.LIKENESS else likes
    for relations in (wrong, likes | copies, frozenset[Relation]()):
        with pytest.raises(ValueError, match="can't claim"):
            replace(evidence, relations=relations)


def test_a_background_goes_with_the_scale_that_needs_one(name: str) -> None:
    evidence = declared(name)
    usual = declared("color").usual if evidence.usual is None else None
    with pytest.raises(ValueError, match="background"):
        replace(evidence, usual=usual)
    assert (evidence.scale is Scale.BACKGROUND) == (evidence.usual is not None)


def test_only_wholes_say_how_near_wholes_are() -> None:
    for name in SERVICES:
        evidence = declared(name)
        if evidence.proves is Proof.WHOLE:
            continue
        for field in ("decides_within", "same_pixels_within"):
            with pytest.raises(ValueError, match="whole images"):
                replace(evidence, **{field: 1.0})  # type: ignore[arg-type]
