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
from ambience.service import AnyService
from ambience.service.capabilities import Groups


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
        services: All there are; one in this process has to group images.
        catalog: Knows the images.
        calibration: What distances are worth.

    Raises:
        UnavailableError: If none does.
    """

    def __init__(
        self, services: Iterable[AnyService], catalog: Catalog, calibration: Calibration
    ) -> None:
        self._name, self._grouping = _grouping(services)
        self._catalog = catalog
        self._belief = Belief(calibration, {}, k=0)

    def groups(self, *, radius: int, turned: bool = False) -> list[DuplicateGroup]:
        """Return all groups, the largest first, ties by the keeper's id.

        Args:
            radius: How many bits of the hash may differ between neighbors.
            turned: Also find mirrored and turned copies; takes eight times as long.
        """
        near = self._grouping.groups(radius=radius, turned=turned)
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
            for match in self._grouping.compare(
                keeper.image_id, [record.image_id for record in others]
            )
        }
        matches: list[FusedMatch] = []
        for record in others:
            evidence: dict[str, dict[str, Any]] = {}
            if record.sha256 == keeper.sha256:
                evidence["file"] = {"sha256": record.sha256.hex()}
            if record.image_id in hashed:
                evidence[self._name] = hashed[record.image_id]
            found = fused_match(record.image_id, evidence, self._belief, min_score=0.0)
            if found is not None:
                matches.append(found)
        matches.sort(key=lambda match: (-match.score, match.image_id))
        return DuplicateGroup(keeper, matches)


def _rank(record: ImageRecord) -> tuple[bool, int, int, int]:
    height, width = record.size
    return record.missing, -height * width, -record.byte_count, record.image_id


def _grouping(services: Iterable[AnyService]) -> tuple[str, Groups]:
    for service in services:
        found = service.ability(Groups)
        if found is not None:
            return service.name, found
    raise UnavailableError(
        "duplicates are found by a service in this process that groups images: add "
        "phash to `enabled`, without a url"
    )


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
