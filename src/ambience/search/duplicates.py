"""Finds groups of images that are the same picture, and which one to keep."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ambience.catalog import Catalog, ImageRecord
from ambience.core.errors import UnavailableError
from ambience.core.features import ImageId
from ambience.core.matches import FusedMatch
from ambience.fusion import Belief, Calibration, fused_match
from ambience.service import VectorService
from ambience.service.backend import Backend, LocalBackend


@dataclass(frozen=True, slots=True)
class DuplicateGroup:
    """Images that are the same picture.

    Attributes:
        keeper: The one with most pixels, then most bytes, then the oldest.
        others: What each other one is to the keeper, best first.
    """

    keeper: ImageRecord
    others: Sequence[FusedMatch]


class DuplicateFinder:
    """Groups the images of a library by perceptual hash and by content.

    Args:
        backends: The services; ``phash`` has to be in this process.
        catalog: Knows the images.
        calibration: What distances are worth.

    Raises:
        UnavailableError: If ``phash`` is not there.
    """

    def __init__(
        self, backends: Iterable[Backend], catalog: Catalog, calibration: Calibration
    ) -> None:
        self._phash = _phash(backends)
        self._catalog = catalog
        self._belief = Belief(calibration, {}, k=0)

    def groups(self, *, radius: int, turned: bool = False) -> list[DuplicateGroup]:
        """Return all groups, the largest first, ties by the keeper's id.

        Args:
            radius: How many bits of the hash may differ between neighbors.
            turned: Also find mirrored and turned copies; takes eight times as long.
        """
        near = self._phash.groups(radius=radius, turned=turned)
        equal = self._catalog.with_equal_content()
        groups = [self._group(ids) for ids in _joined([*near, *equal])]
        found = [group for group in groups if group is not None]
        return sorted(found, key=lambda g: (-len(g.others), g.keeper.image_id))

    def _group(self, ids: Sequence[ImageId]) -> DuplicateGroup | None:
        records = self._catalog.find(ids)
        if len(records) < 2:  # noqa: PLR2004 -- the others are in no catalog
            return None
        keeper = min(records, key=_rank)
        others = [record for record in records if record is not keeper]
        hashed = {
            match.image_id: {"distance": match.distance, **match.details}
            for match in self._phash.compare(
                keeper.image_id, [record.image_id for record in others]
            )
        }
        matches: list[FusedMatch] = []
        for record in others:
            evidence: dict[str, dict[str, Any]] = {}
            if record.sha256 == keeper.sha256:
                evidence["file"] = {"sha256": record.sha256.hex()}
            if record.image_id in hashed:
                evidence["phash"] = hashed[record.image_id]
            found = fused_match(record.image_id, evidence, self._belief, min_score=0.0)
            if found is not None:
                matches.append(found)
        matches.sort(key=lambda match: (-match.score, match.image_id))
        return DuplicateGroup(keeper, matches)


def _rank(record: ImageRecord) -> tuple[bool, int, int, int]:
    height, width = record.size
    return record.missing, -height * width, -record.byte_count, record.image_id


def _phash(backends: Iterable[Backend]) -> VectorService:
    for backend in backends:
        if backend.name == "phash":
            if isinstance(backend, LocalBackend) and isinstance(
                backend.service, VectorService
            ):
                return backend.service
            reason = backend.status().get("reason", "it runs in another process")
            raise UnavailableError(f"duplicates are found by phash: {reason}")
    raise UnavailableError("duplicates are found by phash: add it to `enabled`")


def _joined(groups: Iterable[Sequence[ImageId]]) -> list[list[ImageId]]:
    """Join groups that share an image; each comes back sorted."""
    parent: dict[ImageId, ImageId] = {}

    def root(image_id: ImageId) -> ImageId:
        while parent[image_id] != image_id:
            parent[image_id] = parent[parent[image_id]]
            image_id = parent[image_id]
        return image_id

    for group in groups:
        for image_id in group:
            parent.setdefault(image_id, image_id)
            parent[root(image_id)] = root(group[0])
    joined: defaultdict[ImageId, list[ImageId]] = defaultdict(list)
    for image_id in sorted(parent):
        joined[root(image_id)].append(image_id)
    return list(joined.values())
