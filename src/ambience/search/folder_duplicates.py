"""Finds the duplicates in folders, from nothing: no library is needed, none is made.

Each file is read once, and hashed where it is decoded; only hashes come back. A file
that can't be decoded costs itself only.
"""

import hashlib
import os
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ambience.core.errors import AmbienceError, BadInputError
from ambience.core.features import Feature, ImageId
from ambience.core.matches import Match
from ambience.engine.embedded.hamming.near_pairs import NearPairFinder
from ambience.engine.neighbors import compared, nearest_images, stacked
from ambience.fusion import NOTHING_LEARNED, Calibration
from ambience.imaging import Limits, Provenance, extracted, saved_from, shared_pool
from ambience.ingest.bounded_map import bounded_map
from ambience.ingest.folders import FoundFile, absolute, walk
from ambience.ingest.import_report import Failure, Progress
from ambience.ingest.regular_files import read_regular
from ambience.search.duplicate_groups import DuplicateGroup, GroupMaker, Placements
from ambience.search.listed_image import ListedImage
from ambience.services.local_features.evidence import EVIDENCE as PART
from ambience.services.phash.evidence import EVIDENCE as WHOLE
from ambience.services.phash.extract import MIN_QUALITY, PHashExtractor

HASH = "ambience.services.phash.extract:PHashExtractor"
KEYPOINTS = "ambience.services.local_features.extract:rootsift_extractor"

_WHOLE, _PART = "phash", "local_features"

_CALIBRATION = Calibration({_WHOLE: WHOLE, _PART: PART}, NOTHING_LEARNED)

_EXTRACTOR = PHashExtractor()

OnProgress = Callable[[str, Progress], object]
"""Told what is done, and how far it is."""


@dataclass(frozen=True, slots=True, eq=False)
class _Hashed:
    """What one file turned out to be."""

    image: ListedImage
    provenance: Provenance
    hashed: Feature
    keypoints: Feature | None


@dataclass(frozen=True, slots=True)
class FolderDuplicates:
    """What was found in folders.

    Attributes:
        groups: The largest first.
        looked_at: How many images there are.
        failed: Files that can't be decoded or read.
        unreadable: Folders and files that can't be looked at.
    """

    groups: Sequence[DuplicateGroup]
    looked_at: int
    failed: Sequence[Failure] = ()
    unreadable: Sequence[Failure] = field(default_factory=list)


def folder_duplicates(  # noqa: PLR0913 -- the subject, and options by name
    paths: Sequence[Path],
    *,
    radius: int,
    parts: bool,
    limits: Limits,
    leave_out: Path,
    on_progress: OnProgress = lambda *_: None,
) -> FolderDuplicates:
    """Find the groups of copies in files and folders, mirrored and turned ones too.

    Nothing is written anywhere, and the files are only read.

    Args:
        paths: Files and folders.
        radius: How many bits of the hash may differ between neighbors.
        parts: Whether to find crops, and images that show others, by their keypoints.
        limits: What an image may cost.
        leave_out: A folder not to go into: ambience's own.
        on_progress: Told of each step.

    Raises:
        BadParameterError: If a path does not exist.
    """
    pool = shared_pool()
    pool.warm_up()
    unreadable: list[Failure] = []
    files = list(
        walk(
            absolute(paths),
            leave_out=leave_out,
            on_unreadable=lambda path, error: unreadable.append(
                Failure.of(path, error)
            ),
        )
    )
    files = list({file.path: file for file in files}.values())
    found, failed = _hashed(
        files, limits=limits, parts=parts, threads=pool.size, on_progress=on_progress
    )
    placements: Placements = {}
    if parts:
        from ambience.search.folder_parts import placements_of  # noqa: PLC0415 -- FAISS

        placements = placements_of(
            {own.image.image_id: own.keypoints for own in found if own.keypoints},
            threads=pool.size,
            on_progress=lambda progress: on_progress("comparing", progress),
        )
    maker = GroupMaker(
        {own.image.image_id: own.image for own in found},
        whole=_WHOLE,
        part=_PART,
        compare=_Comparison(found),
        placements=placements,
        past=_FilePast(found, limits),
        calibration=_CALIBRATION,
        threads=pool.size,
    )
    groups = maker.groups([*_near(found, radius), *_equal(found)])
    return FolderDuplicates(groups, len(found), failed, unreadable)


def _hashed(
    files: Sequence[FoundFile],
    *,
    limits: Limits,
    parts: bool,
    threads: int,
    on_progress: OnProgress,
) -> tuple[list[_Hashed], list[Failure]]:
    extractors = (HASH, KEYPOINTS) if parts else (HASH,)

    def look_at(numbered: tuple[int, FoundFile]) -> _Hashed:
        number, file = numbered
        data = read_regular(file.path, limits=limits)
        made = extracted(data, extractors, limits=limits)
        image = ListedImage(
            ImageId(number),
            file.path,
            made.info.size,
            len(data),
            made.info.format,
            hashlib.sha256(data).digest(),
            file.modified_ns,
        )
        hashed, *more = made.features
        return _Hashed(image, made.provenance, hashed, more[0] if more else None)

    found: list[_Hashed] = []
    failed: list[Failure] = []
    # One thread more than processes that decode: it reads the next file meanwhile.
    looked_at = bounded_map(
        look_at, enumerate(files), threads=threads + 1, stop=threading.Event()
    )
    for done, ((_, file), future) in enumerate(looked_at, 1):
        try:
            found.append(future.result())
        except (AmbienceError, OSError) as error:
            failed.append(Failure.of(file.path, error))
        on_progress("hashing", Progress(done, len(files)))
    return found, failed


def _near(found: Sequence[_Hashed], radius: int) -> list[list[ImageId]]:
    """Return the groups of images that chains of near hashes hold together."""
    telling = [own for own in found if own.hashed.quality >= MIN_QUALITY]
    if not telling:
        return []
    counts = [len(own.hashed.rows) for own in telling]
    ids = np.repeat([own.image.image_id for own in telling], counts)
    finder = NearPairFinder(
        ids,
        np.concatenate([own.hashed.rows for own in telling]),
        radius=radius,
        turned=_EXTRACTOR.turned,
        threads=os.cpu_count() or 1,
    )
    return [[ImageId(i) for i in group.tolist()] for group in finder.groups()]


def _equal(found: Sequence[_Hashed]) -> list[list[ImageId]]:
    """Return the groups of files with the same content."""
    by_content: defaultdict[bytes, list[ImageId]] = defaultdict(list)
    for own in found:
        by_content[own.image.sha256].append(own.image.image_id)
    return [ids for ids in by_content.values() if len(ids) > 1]


class _Comparison:
    """Compares the hash of an image with those of others, turned in every way."""

    def __init__(self, found: Sequence[_Hashed]) -> None:
        self._hashed = {
            own.image.image_id: own.hashed
            for own in found
            if own.hashed.quality >= MIN_QUALITY
        }

    def __call__(self, one: ImageId, others: Sequence[ImageId]) -> Iterable[Match]:
        telling = [other for other in others if other in self._hashed]
        if one not in self._hashed or not telling:
            return []
        query = _EXTRACTOR.query_from(self._hashed[one])
        features = {other: self._hashed[other] for other in telling}
        spec = _EXTRACTOR.spec
        return [
            Match(
                near.image_id,
                near.distance,
                {"orientation": query.orientations[near.version]},
            )
            for near in nearest_images(
                *compared(spec, query.rows, *stacked(spec, features)), scale=spec.scale
            )
        ]


class _FilePast:
    """What files tell of their past: from their headers, and read once more."""

    def __init__(self, found: Sequence[_Hashed], limits: Limits) -> None:
        self._known: Mapping[ImageId, Provenance] = {
            own.image.image_id: own.provenance for own in found
        }
        self._limits = limits

    def provenance(self, image: ListedImage) -> Provenance:
        return self._known[image.image_id]

    def saved_from(
        self, image: ListedImage, tables: Sequence[Sequence[int]]
    ) -> list[bool]:
        try:
            if image.path is None:
                return [False] * len(tables)
            data = read_regular(image.path, limits=self._limits)
            return saved_from(data, tables, limits=self._limits)
        except (BadInputError, OSError):  # it has just gone, or changed
            return [False] * len(tables)
