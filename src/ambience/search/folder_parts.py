"""Finds which images of a folder show parts of which others, by their keypoints.

As searches in a library do: votes of descriptors say which pairs to look at, geometry
which of them hold. The index is in memory and goes with the command.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from ambience.core.features import Feature, ImageId, Rows
from ambience.core.keypoints import unpack, without_frames
from ambience.core.orientation import Orientation
from ambience.engine.embedded.descriptors.descriptor_index import (
    TRAINED_FROM,
    DescriptorIndex,
)
from ambience.engine.embedded.descriptors.quantizer import Quantizer, sample_size
from ambience.ingest.import_report import Progress
from ambience.search.duplicate_groups import Placements
from ambience.service.keypoints.votes import (
    NEIGHBORS,
    UNLIKE_SHARE,
    Ballots,
    candidates,
)
from ambience.services.local_features.extract import rootsift_extractor
from ambience.services.local_features.verify import GeometryVerifier

_CANDIDATES = 16
"""Images looked at closely for each one: of a collage and what is in it, either finds
the other, so that one of 25 is not missed for the other 24."""

_AT_ONCE = 256  # images whose keypoints are put into the index together: 14 MB

_SURE = 0.5  # a lower confidence is no claim


def placements_of(
    keypoints: Mapping[ImageId, Feature],
    *,
    threads: int,
    on_progress: Callable[[Progress], object],
) -> Placements:
    """Return where images show the same, each pair once.

    Args:
        keypoints: The rows of `ambience.core.keypoints`, by image.
        threads: How many images are looked at at once.
        on_progress: Told after every image.
    """
    finder = _Finder(keypoints)
    best: dict[tuple[ImageId, ImageId], tuple[float, Mapping[str, Any]]] = {}
    with ThreadPoolExecutor(threads) as pool:
        try:
            pairs: dict[_Pair, None] = {}
            for done, some in enumerate(pool.map(finder.candidates, keypoints), 1):
                pairs |= dict.fromkeys(some)
                # Votes are half of the work, pairs the rest.
                on_progress(Progress(done // 2, len(keypoints)))
            placed = pool.map(finder.placed, pairs)
            for done, (pair, found) in enumerate(zip(pairs, placed, strict=True), 1):
                share = (1 + done / len(pairs)) / 2
                on_progress(Progress(int(share * len(keypoints)), len(keypoints)))
                if found is None:
                    continue
                before = best.get((pair.query, pair.image))
                if before is None or found["distance"] < before[0]:
                    best[pair.query, pair.image] = found["distance"], found
        except BaseException:  # Ctrl-C, above all
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return {pair: found for pair, (_, found) in best.items()}


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two images that may show the same, the first of them as it is or mirrored."""

    query: ImageId
    image: ImageId
    orientation: Orientation


class _Finder:
    """Finds what images show of each other."""

    def __init__(self, keypoints: Mapping[ImageId, Feature]) -> None:
        self._extractor = rootsift_extractor()
        self._verifier = GeometryVerifier()
        self._features = keypoints
        self._index = _filled(keypoints)

    def candidates(self, image_id: ImageId) -> list[_Pair]:
        """Return what an image votes for, as pairs whose first has the lower id.

        So a pair that either votes for is looked at once: a mirror is the same from
        both sides.
        """
        versions = self._versions(image_id)
        voting = [rows[without_frames(rows)] for rows in versions.values()]
        if not any(map(len, voting)):
            return []
        voters = np.concatenate(voting)
        numbers = np.repeat(np.arange(len(voting)), [len(rows) for rows in voting])
        found = candidates(
            Ballots.of(voters, numbers, self._index.nearest(voters, k=NEIGHBORS)),
            count=_CANDIDATES + len(voting),  # the image itself, in each version
            unlike=UNLIKE_SHARE * self._extractor.spec.scale,
        )
        orientations = list(versions)
        return [
            _Pair(
                min(image_id, candidate.image_id),
                max(image_id, candidate.image_id),
                orientations[candidate.version],
            )
            for candidate in found
            if candidate.image_id != image_id
        ]

    def placed(self, pair: _Pair) -> dict[str, Any] | None:
        """Return where the first image of a pair lies on the second, if it does."""
        query = unpack(self._versions(pair.query)[pair.orientation])
        image = unpack(self._features[pair.image].rows)
        placed = self._verifier.placed(
            self._verifier.prepared(query), self._verifier.prepared(image)
        )
        if placed is None or placed.confidence < _SURE:
            return None
        if pair.orientation.mirrors:
            placed = placed.unmirrored(query.size[1])
        return {"distance": 1 - placed.confidence, **placed.details(points=False)}

    def _versions(self, image_id: ImageId) -> dict[Orientation, Rows]:
        """Return the keypoints of an image, as they are and mirrored."""
        query = self._extractor.query_from(self._features[image_id])
        rows, names = np.ascontiguousarray(query.rows), np.array(query.orientations)
        return {
            Orientation(name): rows[names == name]
            for name in dict.fromkeys(query.orientations)
        }


def _filled(keypoints: Mapping[ImageId, Feature]) -> DescriptorIndex:
    """Return an index of all keypoints, trained on them where they are many."""
    bodies = {
        image_id: feature.rows[without_frames(feature.rows)]
        for image_id, feature in keypoints.items()
    }
    count = sum(map(len, bodies.values()))
    quantizer = None
    if count >= TRAINED_FROM:
        every = np.concatenate(list(bodies.values()))
        chosen = np.linspace(0, count - 1, min(count, sample_size(count)))
        quantizer = Quantizer.trained(every[chosen.astype(np.intp)], count)
    index = DescriptorIndex(quantizer)
    ids = [image_id for image_id, rows in bodies.items() if len(rows)]
    for start in range(0, len(ids), _AT_ONCE):
        some = ids[start : start + _AT_ONCE]
        owners = [image_id for image_id in some for _ in bodies[image_id]]
        index.replace([], owners, np.concatenate([bodies[i] for i in some]))
    return index
