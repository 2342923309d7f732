"""A small library in a temporary folder, for tests of the upper floors."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from ambience.core.settings import load_settings
from ambience.fusion import Calibration
from ambience.library.calibration_file import declared_evidence
from ambience.library.library import Library
from ambience.search.questions import ByImage
from tests.drawing import drawn_image, encode


@contextmanager
def opened_library(data: Path, **settings: object) -> Iterator[Library]:
    """Open a library as a server for others does, and close it again."""
    with Library.of(load_settings(data=data, **settings), alone=False) as library:
        yield library


def as_shipped() -> Calibration:
    """Return how distances are read where nothing was learned."""
    return Calibration(declared_evidence(load_settings()))


def write_images(folder: Path, count: int, *, first: int = 0) -> list[Path]:
    """Draw images and write them as files; equal numbers, equal files."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for seed in range(first, first + count):
        path = folder / f"{seed}.png"
        path.write_bytes(encode(drawn_image(seed, (60, 80))))
        paths.append(path)
    return paths


def found_ids(library: Library, image: bytes, *, k: int = 5) -> list[int]:
    """Return the ids that a reverse search answers, best first."""

    answer = library.components.searcher.search(ByImage(image), k=k)
    return [match.image_id for match in answer.matches]


def blank_page(level: int = 255) -> bytes:
    """Return an image in which there is nothing."""
    return encode(np.full((60, 80, 3), level, np.uint8))
