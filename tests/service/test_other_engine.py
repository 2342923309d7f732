"""Services find the same wherever their features are kept."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ambience import registry
from ambience.core.errors import NotFoundError
from ambience.core.features import Image, ImageId
from ambience.engine import Engine
from ambience.service import SearchRequest, Service, ServiceSpec, VectorService
from tests.drawing import drawn_image
from tests.engine.memory_engine import MemoryEngine

SIZE = (48, 64)
IDS = [ImageId(number) for number in range(8)]


def image(seed: int) -> Image:
    return Image(drawn_image(seed, SIZE), None, SIZE)


def crop(seed: int) -> Image:
    return Image(np.ascontiguousarray(image(seed).pixels[16:, 20:]), None, (32, 44))


@contextmanager
def opened(name: str, data: Path, engine: Engine | None) -> Iterator[Service[Any]]:
    declared = registry.load(name)
    assert isinstance(declared, ServiceSpec)
    settings = declared.check({"threads": 2} if name == "local_features" else {})
    service = declared.open(settings, data, engine=engine)
    try:
        yield service
    finally:
        service.close()


@pytest.fixture(params=registry.BUILTIN)
def both(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[tuple[Service[Any], Service[Any]]]:
    """A service on files, and the same on an engine in memory."""
    with ExitStack() as stack:
        on_files, in_memory = (
            stack.enter_context(opened(request.param, tmp_path, engine))
            for engine in (None, MemoryEngine())
        )
        for service in (on_files, in_memory):
            service.add({image_id: image(image_id) for image_id in IDS})
            service.add({ImageId(30): image(3), ImageId(5): image(50)})
            service.remove([ImageId(6)])
        yield on_files, in_memory


def test_images_find_the_same(both: tuple[Service[Any], Service[Any]]) -> None:
    requests = [SearchRequest(k=5), SearchRequest(radius=0.5)]
    for query in (image(3), crop(2), image(50), image(99)):
        for request in requests:
            on_files, in_memory = (one.search(query, request) for one in both)
            assert on_files == in_memory
    assert on_files.note == in_memory.note


def test_known_images_find_the_same(both: tuple[Service[Any], Service[Any]]) -> None:
    on_files, in_memory = (
        one.search_by_id(ImageId(3), SearchRequest(k=3)) for one in both
    )
    assert on_files == in_memory
    assert on_files.matches[0].image_id == 30
    for service in both:
        with pytest.raises(NotFoundError, match="image 6 has no feature"):
            service.search_by_id(ImageId(6), SearchRequest(k=1))


def test_both_hold_the_same(both: tuple[Service[Any], Service[Any]]) -> None:
    on_files, in_memory = both
    assert on_files.ids() == in_memory.ids()
    assert on_files.highest_id(below=30) == in_memory.highest_id(below=30) == 7
    assert on_files.status().count == in_memory.status().count == len(IDS)
    assert on_files.status().rows == in_memory.status().rows
    assert on_files.status().spec == in_memory.status().spec


@pytest.mark.parametrize("both", ["phash", "color"], indirect=True)
def test_both_group_and_compare_alike(both: tuple[Service[Any], Service[Any]]) -> None:
    on_files, in_memory = both
    assert isinstance(on_files, VectorService)
    assert isinstance(in_memory, VectorService)
    assert on_files.groups(radius=0.1) == in_memory.groups(radius=0.1) == [[3, 30]]
    others = [ImageId(number) for number in (30, 1, 6, 2)]
    found = on_files.compare(ImageId(3), others)
    assert found == in_memory.compare(ImageId(3), others)
    assert [match.image_id for match in found][:1] == [30]
    assert len(found) == 3
