"""A search says how near any images of the library are to its query."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ambience import registry
from ambience.core.features import ImageId, Query
from ambience.imaging import ImageFile
from ambience.service import SearchRequest, ServiceSpec
from ambience.service.vectors.background_sample import BackgroundSample
from tests.drawing import drawn_image, encode
from tests.engine.embedded_parts import vectors_of


@pytest.fixture
def color(tmp_path: Path) -> Any:
    declared = registry.load("color")
    assert isinstance(declared, ServiceSpec)
    with_service = declared.open(declared.settings(), tmp_path)
    yield with_service
    with_service.close()


def fill(service: Any, first: int, count: int) -> None:
    images = {
        ImageId(seed): ImageFile(encode(drawn_image(seed, (30, 40)))).image
        for seed in range(first, first + count)
    }
    service.add(images)


def test_it_is_the_mean_and_deviation_of_all_while_they_are_few(color: Any) -> None:
    fill(color, 0, 20)
    image = ImageFile(encode(drawn_image(99, (30, 40)))).image
    answer = color.search(image, SearchRequest(k=20))
    distances = [match.distance for match in answer.matches]
    assert answer.background.mean == pytest.approx(np.mean(distances))
    assert answer.background.deviation == pytest.approx(np.std(distances))
    assert answer.background.count == 20


def test_many_are_drawn_from_evenly_and_anew_as_they_grow(color: Any) -> None:
    sample = BackgroundSample(vectors_of(color))
    query = color.extractor.query(ImageFile(encode(drawn_image(99, (30, 40)))).image)
    assert sample.compared(query) is None
    counts = []
    for first, count in ((0, 3), (3, 2), (5, 295)):
        fill(color, first, count)
        found = sample.compared(query)
        assert found is not None
        counts.append(found.count)
    assert counts == [3, 3, 256]
    color.remove([ImageId(seed) for seed in range(200)])
    found = sample.compared(query)
    assert found is not None
    assert found.count == 100


def test_a_query_of_nothing_known_has_no_background(color: Any) -> None:
    spec = color.extractor.spec
    query = Query(np.zeros((1, spec.dim), spec.dtype))
    assert BackgroundSample(vectors_of(color)).compared(query) is None


def test_hashes_have_none_as_strangers_are_alike_far(tmp_path: Path) -> None:
    declared = registry.load("phash")
    assert isinstance(declared, ServiceSpec)
    service = declared.open(declared.settings(), tmp_path)
    fill(service, 0, 3)
    image = ImageFile(encode(drawn_image(1, (30, 40)))).image
    assert service.search(image, SearchRequest(k=3)).background is None
    service.close()
