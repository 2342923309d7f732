"""Finds which images of a folder show parts of which others, by their keypoints.

As searches in a library do: votes of descriptors say which pairs to look at, geometry
which of them hold. The index is in memory and goes with the command.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from ambience.core.features import Feature, ImageId
from ambience.core.keypoints import unpack, without_frames
from ambience.core.orientation import Orientation
from ambience.engine.embedded.descriptors.descriptor_index import (
    TRAINED_FROM,
    DescriptorIndex,
)
from ambience.engine.embedded.descriptors.quantizer import Quantizer, sample_size
from ambience.ingest.importer import Progress
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
    found: dict[tuple[ImageId, ImageId], Mapping[str, Any]] = {}
    with ThreadPoolExecutor(threads) as pool:
        try:
            for done, some in enumerate(pool.map(finder.found, keypoints), 1):
                for pair, placed in some.items():
                    if pair[::-1] not in found:
                        found[pair] = placed
                on_progress(Progress(done, len(keypoints)))
        except BaseException:  # Ctrl-C, above all
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return found


class _Finder:
    """Finds what one image shows of others."""

    def __init__(self, keypoints: Mapping[ImageId, Feature]) -> None:
        self._extractor = rootsift_extractor()
        self._verifier = GeometryVerifier()
        self._features = keypoints
        self._sides = {
            image_id: self._verifier.prepared(unpack(feature.rows))
            for image_id, feature in keypoints.items()
        }
        self._index = _filled(keypoints)

    def found(
        self, image_id: ImageId
    ) -> dict[tuple[ImageId, ImageId], Mapping[str, Any]]:
        """Return the placements of an image on those that it votes for."""
        query = self._extractor.query_from(self._features[image_id])
        rows, names = np.ascontiguousarray(query.rows), np.array(query.orientations)
        versions = [Orientation(name) for name in dict.fromkeys(query.orientations)]
        own = [rows[names == name] for name in versions]
        voting = [part[without_frames(part)] for part in own]
        voters = np.concatenate(voting)
        numbers = np.repeat(np.arange(len(voting)), [len(part) for part in voting])
        chosen = candidates(
            Ballots.of(voters, numbers, self._index.nearest(voters, k=NEIGHBORS)),
            count=_CANDIDATES + len(voting),  # the image itself, in each version
            unlike=UNLIKE_SHARE * self._extractor.spec.scale,
        )
        sides = [self._verifier.prepared(unpack(part)) for part in own]
        best: dict[ImageId, tuple[float, Mapping[str, Any]]] = {}
        for candidate in chosen:
            if candidate.image_id == image_id:
                continue
            side, version = sides[candidate.version], versions[candidate.version]
            placed = self._verifier.placed(side, self._sides[candidate.image_id])
            if placed is None or placed.confidence < _SURE:
                continue
            if version.mirrors:
                placed = placed.unmirrored(side.keypoints.size[1])
            before = best.get(candidate.image_id)
            if before is None or placed.confidence > before[0]:
                told = {
                    "distance": 1 - placed.confidence,
                    **placed.details(points=False),
                }
                best[candidate.image_id] = placed.confidence, told
        return {(image_id, other): told for other, (_, told) in best.items()}


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
