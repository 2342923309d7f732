"""Finds the duplicates in folders, without a library.

Each file is read once and hashed in the process that decodes it; only the features come
back. A file that can't be decoded is reported, and the rest goes on.
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
from ambience.engine.embedded.hamming.near_duplicates import near_duplicate_groups
from ambience.fusion import NOTHING_LEARNED, Calibration
from ambience.imaging import Limits, Provenance, extracted, saved_from, shared_pool
from ambience.ingest.bounded_map import bounded_map
from ambience.ingest.folders import FoundFile, absolute, walk
from ambience.ingest.import_report import Failure, Progress
from ambience.ingest.regular_files import read_regular
from ambience.search.duplicate_groups import DuplicateGroup, GroupMaker, Placements
from ambience.search.listed_image import ListedImage
from ambience.service.vectors.vector_service import compared_features
from ambience.services.local_features.evidence import EVIDENCE as PART
from ambience.services.phash.evidence import EVIDENCE as WHOLE
from ambience.services.phash.extract import MIN_QUALITY, PHashExtractor

HASH = "ambience.services.phash.extract:PHashExtractor"
KEYPOINTS = "ambience.services.local_features.extract:rootsift_extractor"

_WHOLE, _PART = "phash", "local_features"

_CALIBRATION = Calibration({_WHOLE: WHOLE, _PART: PART}, NOTHING_LEARNED)

_EXTRACTOR = PHashExtractor()

OnProgress = Callable[[str, Progress], object]
"""Called with the name of a step and its progress."""


@dataclass(frozen=True, slots=True, eq=False)
class _Hashed:
    """The image in one file, and its features."""

    image: ListedImage
    provenance: Provenance
    hash: Feature
    keypoints: Feature | None


@dataclass(frozen=True, slots=True)
class FolderDuplicates:
    """The duplicates in folders.

    Attributes:
        groups: The groups of copies, the largest first.
        image_count: How many images were compared.
        failed: Files that can't be decoded or read.
        unreadable: Folders and files that can't be accessed.
    """

    groups: Sequence[DuplicateGroup]
    image_count: int
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
    """Find the groups of copies in files and folders, including turned ones.

    Nothing is written anywhere, and the files are only read.

    Args:
        paths: Files and folders.
        radius: How many bits of the hash may differ between neighbors.
        parts: Also find crops, and images that show others, by their keypoints.
        limits: The limits for reading and decoding an image.
        leave_out: A folder to skip: ambience's own.
        on_progress: Called during each step.

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
        history=_FolderHistory(found, limits),
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
        phash, *more = made.features
        return _Hashed(image, made.provenance, phash, more[0] if more else None)

    found: list[_Hashed] = []
    failed: list[Failure] = []
    # One thread more than decoder processes, to read the next file in the meantime.
    results = bounded_map(
        look_at, enumerate(files), threads=threads + 1, stop=threading.Event()
    )
    for done, ((_, file), future) in enumerate(results, 1):
        try:
            found.append(future.result())
        except (AmbienceError, OSError) as error:
            failed.append(Failure.of(file.path, error))
        on_progress("hashing", Progress(done, len(files)))
    return found, failed


def _near(found: Sequence[_Hashed], radius: int) -> list[list[ImageId]]:
    """Return the groups of images that are connected by chains of near hashes."""
    telling = [own for own in found if own.hash.quality >= MIN_QUALITY]
    if not telling:
        return []
    counts = [len(own.hash.rows) for own in telling]
    ids = np.repeat([own.image.image_id for own in telling], counts)
    return near_duplicate_groups(
        ids,
        np.concatenate([own.hash.rows for own in telling]),
        radius=radius,
        turn=_EXTRACTOR.turned,
        threads=os.cpu_count() or 1,
    )


def _equal(found: Sequence[_Hashed]) -> list[list[ImageId]]:
    """Return the groups of files with the same content."""
    by_content: defaultdict[bytes, list[ImageId]] = defaultdict(list)
    for own in found:
        by_content[own.image.sha256].append(own.image.image_id)
    return [ids for ids in by_content.values() if len(ids) > 1]


class _Comparison:
    """Compares the hash of an image, in all orientations, with those of others."""

    def __init__(self, found: Sequence[_Hashed]) -> None:
        self._hashes = {
            own.image.image_id: own.hash
            for own in found
            if own.hash.quality >= MIN_QUALITY
        }

    def __call__(self, one: ImageId, others: Sequence[ImageId]) -> Iterable[Match]:
        if one not in self._hashes:
            return []
        telling = {
            other: self._hashes[other] for other in others if other in self._hashes
        }
        return compared_features(_EXTRACTOR, self._hashes[one], telling)


class _FolderHistory:
    """What files reveal about their past, in their headers or when read again."""

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
        except (BadInputError, OSError):  # deleted or changed in the meantime
            return [False] * len(tables)
