"""Promises every extractor keeps. A new service is covered by being registered."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from ambience import registry
from ambience.core.features import Extractor, Feature, Image
from ambience.core.orientation import Orientation
from ambience.service import ServiceSpec
from tests.drawing import drawn_image


@pytest.fixture(params=registry.BUILTIN)
def extractor(request: pytest.FixtureRequest, tmp_path: Path) -> Extractor:
    declared = registry.load(request.param)
    assert isinstance(declared, ServiceSpec)
    made: Extractor = declared.make_extractor(declared.settings(), tmp_path)
    return made


@pytest.fixture(scope="module")
def images() -> list[Image]:
    drawn = [drawn_image(seed, (60, 80)) for seed in range(4)]
    seen_through = np.tile(np.arange(80, dtype=np.uint8) * 3, (60, 1))
    return [
        *(Image(pixels, None, (60, 80)) for pixels in drawn),
        Image(drawn[0], seen_through, (60, 80)),
    ]


def assert_equal(some: Sequence[Feature], others: Sequence[Feature]) -> None:
    assert len(some) == len(others)
    for one, other in zip(some, others, strict=True):
        np.testing.assert_array_equal(one.rows, other.rows)
        assert one.quality == other.quality


def test_one_feature_per_image_as_the_spec_says(
    extractor: Extractor, images: list[Image]
) -> None:
    features = extractor.extract(images)
    assert len(features) == len(images)
    for feature in features:
        assert feature.rows.ndim == 2
        assert feature.rows.shape[1] == extractor.spec.dim
        assert len(feature.rows) >= 1
        assert feature.rows.dtype == extractor.spec.dtype
        assert 0 <= feature.quality <= 1


def test_batching_changes_nothing(extractor: Extractor, images: list[Image]) -> None:
    one_by_one = [extractor.extract([image])[0] for image in images]
    assert_equal(one_by_one, extractor.extract(images))


def test_equal_images_have_equal_features(
    extractor: Extractor, images: list[Image]
) -> None:
    assert_equal(extractor.extract(images), extractor.extract(images))


def test_no_image_is_no_feature(extractor: Extractor) -> None:
    assert extractor.extract([]) == []


def test_input_is_left_alone(extractor: Extractor, images: list[Image]) -> None:
    before = images[0].pixels.copy()
    extractor.extract([images[0]])
    extractor.query(images[0])
    np.testing.assert_array_equal(images[0].pixels, before)


@pytest.mark.parametrize("size", [(1, 1), (1, 640), (640, 1), (7, 5)])
def test_tiny_and_thin_images_work(extractor: Extractor, size: tuple[int, int]) -> None:
    image = Image(np.zeros((*size, 3), np.uint8), None, size)
    assert len(extractor.extract([image])) == 1
    assert len(extractor.query(image).rows) >= 1


def test_a_query_finds_the_image_itself(
    extractor: Extractor, images: list[Image]
) -> None:
    for image in images:
        (feature,) = extractor.extract([image])
        for query in (extractor.query(image), extractor.query_from(feature)):
            equal = (query.rows[:, None] == feature.rows[None]).all(-1)
            assert equal.any()
            assert query.quality == feature.quality
            assert len(query.orientations) in {0, len(query.rows)}
            for orientation in query.orientations:
                assert orientation in set(Orientation)
