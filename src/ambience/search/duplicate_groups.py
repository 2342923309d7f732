"""Forms groups of copies, each with the one to keep, out of what was found to be near.

A group is not a chain: each image in it is claimed to be a copy of its keeper, with
the score that a search would give. What is only a part of an image, or shows it among
other things, joins no groups: it is listed beside the image, and may be listed beside
several.
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
from ambience.search.keepers import Past, keeper
from ambience.search.listed_image import ListedImage

Compare: TypeAlias = Callable[[ImageId, Sequence[ImageId]], Iterable[Match]]
"""Returns how far the hashes of some images are from that of another one."""

Placements: TypeAlias = Mapping[tuple[ImageId, ImageId], Mapping[str, Any]]
"""By query and image: what local features say of where the first lies on the second."""

_MOST_DOUBT = 1e-9
"""Of a placement, 1 minus its confidence. A search is one look at a library; here all
are compared with all, and chance has as many more occasions. Of 11,000 pairs of
photographs, five that share nothing had 2e-5 and more, and all of 80 crops, borders
and perspectives less than 1e-9."""

_ALL = 0.95  # of an area: what is missing may be a measuring error

_FINER = 0.8  # pixels of the larger image for one of the smaller: what is shown there
# smaller than it is was put in, what is shown as large was cut out


@dataclass(frozen=True, slots=True)
class Duplicate:
    """What one image is to the keeper of its group.

    Attributes:
        image: Which.
        match: The claim, this image as the query, the keeper as what was found.
    """

    image: ListedImage
    match: FusedMatch


@dataclass(frozen=True, slots=True)
class DuplicateGroup:
    """Images that are the same picture, and what shows a part of it.

    Attributes:
        keeper: The one to keep: see `ambience.search.keepers`.
        others: Copies of all of it, best first.
        parts: Crops of it, and images that show it among other things, best first.
    """

    keeper: ListedImage
    others: Sequence[Duplicate] = ()
    parts: Sequence[Duplicate] = ()


class GroupMaker:
    """Turns what is near into groups whose every claim holds.

    Args:
        images: By id; others are left out.
        whole: The service that compares images as wholes, by its name.
        part: The one that found the placements.
        compare: Compares hashes.
        placements: What local features found.
        past: What files tell.
        calibration: What distances are worth.
        threads: How many groups are looked at at once.
    """

    def __init__(  # noqa: PLR0913 -- its parts, each passed in by name
        self,
        images: Mapping[ImageId, ListedImage],
        *,
        whole: str,
        part: str,
        compare: Compare,
        placements: Placements,
        past: Past,
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
        self._past = past
        self._belief = Belief(calibration, {}, k=0)
        self._threads = threads

    def groups(self, near: Iterable[Sequence[ImageId]]) -> list[DuplicateGroup]:
        """Return all groups, the largest first, ties by the keeper's id.

        Args:
            near: Images that chains of near ones or of equal files hold together.
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
        """Return each pair with a placement once, as part and whole where it is one."""
        seen: set[tuple[ImageId, ImageId]] = set()
        for one, other in self._placements:
            pair = (min(one, other), max(one, other))
            if pair in seen or one not in self._images or other not in self._images:
                continue
            seen.add(pair)
            local = self._local(*pair)
            yield pair if _comes_first(local) else pair[::-1]

    def _confirmed(self, chain: Sequence[ListedImage]) -> list[DuplicateGroup]:
        """Split a chain into keepers and what is claimed to be a copy of each."""
        groups: list[DuplicateGroup] = []
        left = list(chain)
        while len(left) > 1:
            kept = keeper(left, self._past)
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
        """List parts with the keepers of what they are parts of."""
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
        """Return what one image is to another that local features found with it."""
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
        """Return how far others are from one: what was done to it to make them."""
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
        """Tell whether it shows only a part, or more than the other image."""
        if match.by != self._part:
            return False
        local = match.evidence[self._part]
        return bool(min(local["query_overlap"], local["image_overlap"]) < _ALL)


def reversed_placement(local: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a placement says once query and image change places."""
    turned = local["rotation_degrees"]
    back = {
        **local,
        "query_overlap": local["image_overlap"],
        "image_overlap": local["query_overlap"],
        # A mirror after a turn is the turn the other way after the mirror.
        "rotation_degrees": turned if local["mirrored"] else -turned,
        "scale": 1 / local["scale"],
        "transform": np.linalg.inv(np.array(local["transform"])).tolist(),
        "query_region": local["image_region"],
        "image_region": local["query_region"],
    }
    back.pop("points", None)
    return back


def _comes_first(local: Mapping[str, Any] | None) -> bool:
    """Tell whether the query of a placement is the part, and the image the whole."""
    if local is None:
        raise ValueError("there is no such placement")
    is_within = local["query_overlap"] >= local["image_overlap"]
    # How many pixels of the image show one of the query, along a side.
    finer = local["scale"] < _FINER if is_within else local["scale"] > 1 / _FINER
    return bool(is_within != finer)


def _sorted(duplicates: Iterable[Duplicate]) -> list[Duplicate]:
    return sorted(duplicates, key=lambda one: (-one.match.score, one.image.image_id))
