"""Finds the images in folders that share a part, by their keypoints.

It works like a search in a library: votes of descriptors select pairs, and geometry
verifies them. The index is in memory and isn't kept.
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
"""Candidates verified for each image. That is enough even for a collage of 25 images,
because each of them also finds the collage."""

_AT_ONCE = 256  # images whose keypoints are added to the index together: 14 MB

_SURE = 0.5  # with a lower confidence, nothing is claimed


def placements_of(
    keypoints: Mapping[ImageId, Feature],
    *,
    threads: int,
    on_progress: Callable[[Progress], object],
) -> Placements:
    """Return where images show the same, each pair once.

    Args:
        keypoints: Rows of `ambience.core.keypoints`, by image.
        threads: How many images to process at once.
        on_progress: Called after every image.
    """
    finder = _Finder(keypoints)
    best: dict[tuple[ImageId, ImageId], tuple[float, Mapping[str, Any]]] = {}
    with ThreadPoolExecutor(threads) as pool:
        try:
            pairs: dict[_Pair, None] = {}
            for done, some in enumerate(pool.map(finder.candidates, keypoints), 1):
                pairs |= dict.fromkeys(some)
                # Voting is half of the work, verifying pairs the other half.
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
        except BaseException:  # Ctrl-C in particular
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return {pair: found for pair, (_, found) in best.items()}


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two images that may show the same, and how the query is oriented for that."""

    query: ImageId
    image: ImageId
    orientation: Orientation


class _Finder:
    """Finds where images show the same."""

    def __init__(self, keypoints: Mapping[ImageId, Feature]) -> None:
        self._extractor = rootsift_extractor()
        self._verifier = GeometryVerifier()
        self._features = keypoints
        self._index = _filled(keypoints)

    def candidates(self, image_id: ImageId) -> list[_Pair]:
        """Return the pairs that an image votes for, each with the lower id first.

        So a pair is verified once even if both images vote for it: mirroring is the
        same in both directions.
        """
        variants = self._variants(image_id)
        voting = [rows[without_frames(rows)] for rows in variants.values()]
        if not any(map(len, voting)):
            return []
        voters = np.concatenate(voting)
        numbers = np.repeat(np.arange(len(voting)), [len(rows) for rows in voting])
        found = candidates(
            Ballots.of(voters, numbers, self._index.nearest(voters, k=NEIGHBORS)),
            count=_CANDIDATES + len(voting),  # the image itself, in each variant
            unlike=UNLIKE_SHARE * self._extractor.spec.scale,
        )
        orientations = list(variants)
        return [
            _Pair(
                min(image_id, candidate.image_id),
                max(image_id, candidate.image_id),
                orientations[candidate.variant],
            )
            for candidate in found
            if candidate.image_id != image_id
        ]

    def placed(self, pair: _Pair) -> dict[str, Any] | None:
        """Return where the query lies on the image, or ``None`` if it doesn't."""
        query = unpack(self._variants(pair.query)[pair.orientation])
        image = unpack(self._features[pair.image].rows)
        placed = self._verifier.placed(
            self._verifier.prepared(query), self._verifier.prepared(image)
        )
        if placed is None or placed.confidence < _SURE:
            return None
        if pair.orientation.mirrors:
            placed = placed.unmirrored(query.size[1])
        return {"distance": 1 - placed.confidence, **placed.details(points=False)}

    def _variants(self, image_id: ImageId) -> dict[Orientation, Rows]:
        """Return the keypoints of an image, as they are and mirrored."""
        return self._extractor.query_from(self._features[image_id]).by_orientation()


def _filled(keypoints: Mapping[ImageId, Feature]) -> DescriptorIndex:
    """Return an index of all keypoints, trained on them if there are enough."""
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
        row_ids = [image_id for image_id in some for _ in bodies[image_id]]
        index.replace([], row_ids, np.concatenate([bodies[i] for i in some]))
    return index
