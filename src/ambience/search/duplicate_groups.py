"""Forms groups of copies, and chooses the one to keep in each.

A group is more than a chain of near images: each image in it is claimed to be a copy of
its keeper, with the score that a search would give. An image that is only a part of
another, or shows it among other things, doesn't merge groups. It is listed as a part,
possibly of several groups.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from ambience.core.connected_components import joined
from ambience.core.features import ImageId
from ambience.core.matches import FusedMatch, Match
from ambience.core.orientation import Orientation
from ambience.fusion import Belief, Calibration, fused_match
from ambience.search.keepers import FileHistory, keeper
from ambience.search.listed_image import ListedImage

Compare: TypeAlias = Callable[[ImageId, Sequence[ImageId]], Iterable[Match]]
"""Returns the distances from the hash of one image to the hashes of others."""

Placements: TypeAlias = Mapping[tuple[ImageId, ImageId], Mapping[str, Any]]
"""For pairs of query and image, what local features measured: where the query lies on
the image."""

_MOST_DOUBT = 1e-9
"""The largest accepted distance of a placement, which is 1 minus its confidence. A
search compares one image with the library. Here all are compared with all, so chance
has that many more opportunities. Of 11,000 pairs of photographs, five unrelated ones
had 2e-5 and more, and all 80 crops, borders and perspectives had less than 1e-9."""

_ALL = 0.95  # of an area: the rest may be an error of measurement

_FINER = 0.8  # pixels of the larger image per pixel of the part: a part that is shown
# smaller than it is was inserted there; one that is shown at its size was cut out


@dataclass(frozen=True, slots=True)
class Duplicate:
    """How one image relates to the keeper of its group.

    Attributes:
        image: The image.
        match: The claim, with this image as the query and the keeper as the match.
    """

    image: ListedImage
    match: FusedMatch


@dataclass(frozen=True, slots=True)
class DuplicateGroup:
    """Images of the same picture, and images that share a part of it.

    Attributes:
        keeper: The image to keep; see `ambience.search.keepers`.
        others: Copies of the whole keeper, best first.
        parts: Crops of it, and images that show it among other things, best first.
    """

    keeper: ListedImage
    others: Sequence[Duplicate] = ()
    parts: Sequence[Duplicate] = ()


class GroupMaker:
    """Turns chains of near images into groups in which every claim holds.

    Args:
        images: The images by id; ids that are missing here are ignored.
        whole: The name of the service that compares whole images.
        part: The name of the service that found the placements.
        compare: Compares hashes.
        placements: The pairs that local features found.
        history: What the files reveal about their past.
        calibration: What distances are worth.
        threads: How many chains to process at once.
    """

    def __init__(  # noqa: PLR0913 -- its parts, each passed in by name
        self,
        images: Mapping[ImageId, ListedImage],
        *,
        whole: str,
        part: str,
        compare: Compare,
        placements: Placements,
        history: FileHistory,
        calibration: Calibration,
        threads: int = 1,
    ) -> None:
        self._images = images
        self._whole = whole
        self._part = part
        self._compare = compare
        self._placements = {
            pair: local
            for pair, local in placements.items()
            if local["distance"] <= _MOST_DOUBT
        }
        self._history = history
        self._belief = Belief(calibration, {}, k=0)
        self._threads = threads

    def groups(self, near: Iterable[Sequence[ImageId]]) -> list[DuplicateGroup]:
        """Return all groups, the largest first, ties by the keeper's id.

        Args:
            near: Groups connected by chains of near images or equal files.
        """
        parts: list[tuple[ImageId, ImageId]] = []
        wholes: list[tuple[ImageId, ImageId]] = []
        for pair in self._pairs():
            found = self._claimed(*pair)
            if found is not None:
                (parts if self._is_part(found) else wholes).append(pair)
        chains = [
            [self._images[i] for i in chain if i in self._images]
            for chain in joined([*near, *wholes])
        ]
        with ThreadPoolExecutor(self._threads) as pool:
            made = [group for own in pool.map(self._confirmed, chains) for group in own]
        groups = self._with_parts(made, parts)
        return sorted(
            groups,
            key=lambda g: (-len(g.others), -len(g.parts), g.keeper.image_id),
        )

    def _pairs(self) -> Iterator[tuple[ImageId, ImageId]]:
        """Yield each pair with a placement once, the likelier part first."""
        seen: set[tuple[ImageId, ImageId]] = set()
        for one, other in self._placements:
            pair = (min(one, other), max(one, other))
            if pair in seen or one not in self._images or other not in self._images:
                continue
            seen.add(pair)
            local = self._local(*pair)
            yield pair if _query_is_part(local) else pair[::-1]

    def _confirmed(self, chain: Sequence[ListedImage]) -> list[DuplicateGroup]:
        """Split a chain into keepers and their confirmed copies."""
        groups: list[DuplicateGroup] = []
        left = list(chain)
        while len(left) > 1:
            kept = keeper(left, self._history)
            others = [image for image in left if image is not kept]
            copies = self._copies(kept, others)
            if copies:
                groups.append(DuplicateGroup(kept, copies))
            taken = {copy.image.image_id for copy in copies}
            left = [image for image in others if image.image_id not in taken]
        return groups

    def _copies(
        self, kept: ListedImage, others: Sequence[ListedImage]
    ) -> list[Duplicate]:
        hashed = self._hashed(kept.image_id, [other.image_id for other in others])
        found = (
            self._claim(other, kept, hashed.get(other.image_id)) for other in others
        )
        return _sorted(
            Duplicate(image, match)
            for image, match in zip(others, found, strict=True)
            if match is not None and not self._is_part(match)
        )

    def _with_parts(
        self,
        made: Sequence[DuplicateGroup],
        parts: Sequence[tuple[ImageId, ImageId]],
    ) -> list[DuplicateGroup]:
        """Add the parts of images to the groups of those images."""
        keepers = {group.keeper.image_id: group.keeper.image_id for group in made}
        for group in made:
            for other in group.others:
                keepers[other.image.image_id] = group.keeper.image_id
        listed: defaultdict[ImageId, dict[ImageId, FusedMatch]] = defaultdict(dict)
        for part, whole in parts:
            own, kept = keepers.get(part, part), keepers.get(whole, whole)
            if own == kept:
                continue
            found = self._claimed(own, kept) or self._claimed(part, whole)
            if found is not None:
                listed[kept].setdefault(own, found)
        groups = {group.keeper.image_id: group for group in made}
        for kept, matches in listed.items():
            group = groups.get(kept, DuplicateGroup(self._images[kept]))
            own_parts = _sorted(
                Duplicate(self._images[part], match) for part, match in matches.items()
            )
            groups[kept] = DuplicateGroup(group.keeper, group.others, own_parts)
        return list(groups.values())

    def _claimed(self, one: ImageId, other: ImageId) -> FusedMatch | None:
        """Return the claim about a pair; ``None`` without a placement or a claim."""
        if self._local(one, other) is None:
            return None
        hashed = self._hashed(other, [one])
        return self._claim(self._images[one], self._images[other], hashed.get(one))

    def _claim(
        self, image: ListedImage, kept: ListedImage, hashed: Mapping[str, Any] | None
    ) -> FusedMatch | None:
        evidence: dict[str, Mapping[str, Any]] = {}
        if image.sha256 == kept.sha256:
            evidence["file"] = {"sha256": image.sha256.hex()}
        if hashed is not None:
            evidence[self._whole] = hashed
        local = self._local(image.image_id, kept.image_id)
        if local is not None:
            evidence[self._part] = local
        found = fused_match(image.image_id, evidence, self._belief)
        return found if found is not None and found.relation.is_copy else None

    def _hashed(
        self, kept: ImageId, others: Sequence[ImageId]
    ) -> dict[ImageId, dict[str, Any]]:
        """Return the hash distances from others to one, and how it was turned."""
        return {
            match.image_id: {
                "distance": match.distance,
                "orientation": str(Orientation(match.details["orientation"]).inverse),
            }
            for match in self._compare(kept, others)
        }

    def _local(self, query: ImageId, image: ImageId) -> Mapping[str, Any] | None:
        found = self._placements.get((query, image))
        if found is not None:
            return found
        back = self._placements.get((image, query))
        return None if back is None else reversed_placement(back)

    def _is_part(self, match: FusedMatch) -> bool:
        """Return whether one of the two images shows more than the other."""
        if match.by != self._part:
            return False
        local = match.evidence[self._part]
        return bool(min(local["query_overlap"], local["image_overlap"]) < _ALL)


def reversed_placement(local: Mapping[str, Any]) -> dict[str, Any]:
    """Return a placement with query and image exchanged."""
    turned = local["rotation_degrees"]
    back = {
        **local,
        "query_overlap": local["image_overlap"],
        "image_overlap": local["query_overlap"],
        # Turning and then mirroring is mirroring and then turning the other way.
        "rotation_degrees": turned if local["mirrored"] else -turned,
        "scale": 1 / local["scale"],
        "transform": np.linalg.inv(np.array(local["transform"])).tolist(),
        "query_region": local["image_region"],
        "image_region": local["query_region"],
    }
    back.pop("points", None)
    return back


def _query_is_part(local: Mapping[str, Any] | None) -> bool:
    """Return whether, in a placement, the query is the part and the image the whole."""
    if local is None:
        raise ValueError("there is no such placement")
    is_within = local["query_overlap"] >= local["image_overlap"]
    # The scale is the side of a query pixel in pixels of the image.
    finer = local["scale"] < _FINER if is_within else local["scale"] > 1 / _FINER
    return bool(is_within != finer)


def _sorted(duplicates: Iterable[Duplicate]) -> list[Duplicate]:
    return sorted(duplicates, key=lambda one: (-one.match.score, one.image.image_id))
