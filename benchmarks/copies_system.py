"""A real library to search in, and the photographs that benchmarks put there."""

import hashlib
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from copies_tally import Claim
from numpy.typing import NDArray

from ambience.core.features import ImageId
from ambience.core.matches import FusedMatch
from ambience.core.settings import load_settings
from ambience.fusion import fuse
from ambience.imaging import EXTENSIONS, full_pixels
from ambience.library.library import Library
from ambience.search.questions import ByImage

TOGETHER = "together"
K = 20  # what /api/reverse_search answers if not told otherwise
LEAST_SCORE = 0.5


def photographs(folder: Path) -> list[Path]:
    """Return the images below a folder, one of each content, by name."""
    found: dict[bytes, Path] = {}
    for path in sorted(folder.resolve().rglob("*")):
        if path.suffix.lower() in EXTENSIONS and path.is_file():
            found.setdefault(hashlib.sha256(path.read_bytes()).digest(), path)
    return list(found.values())


def pixels_of(path: Path) -> NDArray[np.uint8]:
    """Return a photograph on white, shape ``(height, width, 3)``."""
    straight = full_pixels(path.read_bytes())
    alpha = straight[..., 3:] / np.float32(255)
    if alpha.min() == 1:
        return np.ascontiguousarray(straight[..., :3])
    return np.rint(straight[..., :3] * alpha + 255 * (1 - alpha)).astype(np.uint8)


class Imported:
    """The files that were imported into a library, by the ids they got.

    Args:
        library: Opened on an empty folder.
        paths: What to import.
    """

    def __init__(self, library: Library, paths: Sequence[Path]) -> None:
        report = library.add_folder(*paths)
        if report.failed or report.unavailable:
            reasons = [f"{failure.path}: {failure.reason}" for failure in report.failed]
            reasons += [f"{name}: {why}" for name, why in report.unavailable.items()]
            sys.exit("not everything could be imported: " + "; ".join(reasons))
        catalog = library.components.catalog
        self._paths = {
            record.image_id: record.path
            for record in catalog.find(catalog.ids())
            if record.path is not None
        }

    def path_of(self, image_id: ImageId) -> Path:
        """Return the file of an image."""
        return self._paths[image_id]


class Ours:
    """A real library with photographs in it.

    Args:
        library: Opened on an empty folder.
        paths: All photographs.
        indexed: Which of them to import, by number.
    """

    def __init__(
        self, library: Library, paths: Sequence[Path], indexed: Sequence[int]
    ) -> None:
        self._imported = Imported(library, [paths[number] for number in indexed])
        self._numbers = {paths[number]: number for number in indexed}
        self._parts = library.components

    def search(self, data: bytes) -> dict[str, tuple[list[Claim], float]]:
        """Return what is claimed and how many ms it took, by way to search."""
        start = time.perf_counter()
        found = self._parts.searcher.search(ByImage(data), k=K)
        took_ms = 1000 * (time.perf_counter() - start)
        if found.unavailable:
            sys.exit(f"a service did not answer: {found.unavailable}")
        said = {TOGETHER: (self._claims(found.matches), took_ms)}
        for name, own in found.services.items():
            alone = fuse(
                {name: own.answer},
                facts={},
                calibration=self._parts.searcher.calibration,
                k=K,
            )
            said[name] = self._claims(alone[:K]), own.took_ms
        return said

    def _claims(self, matches: Sequence[FusedMatch]) -> list[Claim]:
        return [
            Claim(
                self._numbers[self._imported.path_of(match.image_id)],
                match.score,
                str(match.relation),
                transform(match),
            )
            for match in matches
            if match.relation.is_copy and match.score >= LEAST_SCORE
        ]


def transform(match: FusedMatch) -> NDArray[np.float64] | None:
    """Return how the query lies on the image, if any service says so."""
    for measured in match.evidence.values():
        if "transform" in measured:
            return np.asarray(measured["transform"], np.float64).reshape(3, 3)
    return None


@contextmanager
def opened_library(services: Sequence[str]) -> Iterator[Library]:
    """Open a library on an empty folder, and throw it away."""
    with tempfile.TemporaryDirectory() as name:
        settings = load_settings(data=Path(name, "data"), enabled=tuple(services))
        with Library.of(settings) as library:
            yield library


def tell(line: str, *, end: str = "\n") -> None:
    """Say how far it is."""
    print(f"\r{line}", end=end, file=sys.stderr, flush=True)
