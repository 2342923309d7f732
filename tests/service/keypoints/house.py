"""A service with a few drawn images, in a temporary folder."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ambience import registry
from ambience.core.features import Image, ImageId
from ambience.core.matches import Answer
from ambience.service import SearchRequest, ServiceSpec
from ambience.service.keypoints import KeypointService
from tests.drawing import drawn_image

SIZE = (48, 64)
COUNT = 9
IDS = [ImageId(seed) for seed in range(COUNT)]
BLANK = Image(np.full((*SIZE, 3), 255, np.uint8), None, SIZE)

SERVICE = registry.load("local_features")


def image_of(pixels: NDArray[np.uint8]) -> Image:
    return Image(np.ascontiguousarray(pixels), None, (pixels.shape[0], pixels.shape[1]))


@cache
def image(seed: int) -> Image:
    return image_of(drawn_image(seed, SIZE))


def crop(seed: int) -> Image:
    """Return the lower right of an image, half of its area: 32 x 44 pixels."""
    return image_of(image(seed).pixels[16:, 20:])


def mirrored(seed: int) -> Image:
    return image_of(image(seed).pixels[:, ::-1])


@contextmanager
def opened(data: Path, **settings: object) -> Iterator[KeypointService]:
    # However busy the machine is, unless a test is about that.
    checked = SERVICE.check({"time_budget_s": 600, **settings})
    assert isinstance(SERVICE, ServiceSpec)
    service = SERVICE.open(checked, data)
    assert isinstance(service, KeypointService)
    try:
        yield service
    finally:
        service.close()


def add(service: KeypointService, seeds: Iterable[int]) -> None:
    service.add({ImageId(seed): image(seed) for seed in seeds})


def ids(answer: Answer) -> list[int]:
    return [match.image_id for match in answer.matches]


def nearest(service: KeypointService, query: Image) -> int:
    return service.search(query, SearchRequest(k=1)).matches[0].image_id
