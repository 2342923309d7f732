"""A whole small system in a temporary folder, for tests of its upper floors."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from ambience.core.settings import load_settings
from ambience.fusion import Calibration
from ambience.imaging import ImageFile
from ambience.library.calibration_file import declared_evidence
from ambience.library.system import System
from ambience.search.questions import ByImage
from tests.drawing import drawn_image, encode


@contextmanager
def opened_system(data: Path, **settings: object) -> Iterator[System]:
    """Open a system as the command line does, and close it again."""
    with System.open(load_settings(data=data, **settings)) as system:
        yield system


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


def found_ids(system: System, image: bytes, *, k: int = 5) -> list[int]:
    """Return the ids that a reverse search answers, best first."""

    answer = system.parts.searcher.search(ByImage(ImageFile(image)), k=k)
    return [match.image_id for match in answer.matches]


def blank_page(level: int = 255) -> bytes:
    """Return an image in which there is nothing."""
    return encode(np.full((60, 80, 3), level, np.uint8))
