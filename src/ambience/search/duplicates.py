"""Finds the duplicates in a library, using the features its services store."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ambience.catalog import Catalog, ImageRecord
from ambience.core.errors import (
    BadInputError,
    CorruptDataError,
    NotFoundError,
    UnavailableError,
)
from ambience.core.features import ImageId
from ambience.fusion import Calibration, Proof
from ambience.imaging import Limits, Provenance, extracted, saved_from
from ambience.ingest import Originals
from ambience.ingest.image_files import ImageFiles
from ambience.ingest.import_report import Progress
from ambience.search.duplicate_groups import DuplicateGroup, GroupMaker, Placements
from ambience.search.listed_image import ListedImage
from ambience.service import AnyService, required
from ambience.service.capabilities import Groups, HoldsImages, SearchesImages
from ambience.service.search_request import SearchRequest

_PAGE = 1000  # ids requested at once
_NEAREST = 20  # as many as a search needs for its first page
_UNREADABLE = (NotFoundError, CorruptDataError, BadInputError)  # gone or changed


def library_duplicates(  # noqa: PLR0913 -- its parts, each passed in by name
    services: Sequence[AnyService],
    catalog: Catalog,
    originals: Originals,
    *,
    radius: int,
    turned: bool,
    parts: bool,
    calibration: Calibration,
    limits: Limits,
    on_progress: Callable[[str, Progress], object] = lambda *_: None,
) -> list[DuplicateGroup]:
    """Group the images of a library by perceptual hash and by content.

    Args:
        services: All services; one in this process must group images.
        catalog: The images of the library.
        originals: Finds their files.
        radius: How many bits of the hash may differ between neighbors.
        turned: Also find mirrored and turned copies, which takes eight times as long.
        parts: Also find crops, and images that show others. This searches with every
            image, by its keypoints.
        calibration: What distances are worth.
        limits: The limits for reading a file.
        on_progress: Called during long steps.

    Raises:
        UnavailableError: If no service groups images, or if parts are wanted and no
            service finds them.
    """
    whole, hashes = _grouping(services)
    placements: Placements = {}
    part = ""
    if parts:
        locating = _locating(services, calibration)
        part, placements = locating.name, _placements(locating, on_progress)
    near = [
        *hashes.groups(radius=radius, turned=turned),
        *catalog.with_equal_content(),
    ]
    wanted = {image_id for group in near for image_id in group}
    wanted.update(image_id for pair in placements for image_id in pair)
    records = {record.image_id: record for record in catalog.find(sorted(wanted))}
    maker = GroupMaker(
        {i: _listed(record, originals) for i, record in records.items()},
        whole=whole,
        part=part,
        compare=hashes.compare,
        placements=placements,
        history=_LibraryHistory(records, ImageFiles(originals, limits=limits), limits),
        calibration=calibration,
        threads=os.cpu_count() or 1,
    )
    return maker.groups(near)


def _grouping(services: Iterable[AnyService]) -> tuple[str, Groups]:
    """Return the name of the service that groups images, and the service."""
    for service in services:
        found = service.ability(Groups)
        if found is not None:
            return service.name, found
    raise UnavailableError(
        "finding duplicates needs a service in this process that groups images: add "
        "phash to `enabled`, without a url"
    )


def _locating(services: Iterable[AnyService], calibration: Calibration) -> AnyService:
    """Return the service that finds copies of parts."""
    for service in services:
        own = calibration.evidence.get(service.name)
        if own is not None and own.proves is Proof.PART:
            return service
    raise UnavailableError("finding parts needs local_features: add it to `enabled`")


def _placements(
    service: AnyService, on_progress: Callable[[str, Progress], object]
) -> Placements:
    """Search with every image for images that share a part of it."""
    held, searched = required(service, HoldsImages), required(service, SearchesImages)
    found: dict[tuple[ImageId, ImageId], Mapping[str, Any]] = {}
    total, done, after = int(service.status().get("count", 0)), 0, None
    while ids := held.ids(after=after, limit=_PAGE):
        for image_id in ids:
            try:
                answer = searched.search_by_id(image_id, SearchRequest(k=_NEAREST))
            except NotFoundError:  # deleted in the meantime
                continue
            for match in answer.matches:
                if "transform" in match.details:
                    measured = {"distance": match.distance, **match.details}
                    found.setdefault((image_id, match.image_id), measured)
            done += 1
            on_progress("comparing", Progress(done, max(done, total)))
        after = ids[-1]
    return found


def _listed(record: ImageRecord, originals: Originals) -> ListedImage:
    return ListedImage(
        record.image_id,
        originals.file_of(record),
        record.size,
        record.byte_count,
        record.format,
        record.sha256,
        record.modified_ns,
        record.missing,
    )


class _LibraryHistory:
    """What the files of a library reveal about their past, if they can be read."""

    def __init__(
        self,
        records: Mapping[ImageId, ImageRecord],
        files: ImageFiles,
        limits: Limits,
    ) -> None:
        self._records = records
        self._files = files
        self._limits = limits

    def provenance(self, image: ListedImage) -> Provenance:
        try:
            data = self._files.read(self._records[image.image_id])
            return extracted(data, (), limits=self._limits).provenance
        except _UNREADABLE:
            return Provenance()

    def saved_from(
        self, image: ListedImage, tables: Sequence[Sequence[int]]
    ) -> list[bool]:
        try:
            data = self._files.read(self._records[image.image_id])
            return saved_from(data, tables, limits=self._limits)
        except _UNREADABLE:
            return [False] * len(tables)
