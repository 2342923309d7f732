"""Verifies candidates in the order of their votes, until the rest can't matter."""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ambience.core.features import Feature, ImageId
from ambience.core.keypoints import Keypoints, unpack
from ambience.core.matches import Match
from ambience.core.orientation import Orientation
from ambience.service.keypoints.placement import Placement, Verifier
from ambience.service.keypoints.votes import Candidate

_PATIENCE = 24
"""A search ends after this many candidates in a row that don't match: votes order the
candidates well, and even small insets in the query come sooner."""

_SURE = 0.5  # a lower confidence claims nothing, so better matches may follow

_AT_LEAST = 8
"""Candidates that are verified however slow the machine is."""


class Verification:
    """Verifies the candidates of one search.

    Args:
        verifier: Compares keypoints.
        query: The keypoints of each variant of the query.
        features_of: Reads the features of images; removed images are left out.
    """

    def __init__(
        self,
        verifier: Verifier[Any],
        query: Mapping[Orientation, Keypoints],
        features_of: Callable[[Sequence[ImageId]], Mapping[ImageId, Feature]],
    ) -> None:
        self._verifier = verifier
        self._query = list(query.items())
        self._prepared = [verifier.prepared(own) for own in query.values()]
        self._features_of = features_of
        self._found: dict[ImageId, Placement] = {}

    def verify(
        self,
        candidates: Sequence[Candidate],
        *,
        time_s: float,
        enough: int | None,
        threads: int,
    ) -> str:
        """Verify each candidate independently, as a query may show several images.

        Args:
            candidates: Sorted by votes, most first.
            time_s: Time limit in seconds; the first `_AT_LEAST` are always verified.
            enough: Stop after this many sure matches; ``None`` for never.
            threads: Candidates verified at once.

        Returns:
            Why candidates were left out; empty if they could not have mattered.
        """
        end = time.monotonic() + time_s
        failed = 0
        with ThreadPoolExecutor(threads) as pool:
            for start in range(0, len(candidates), threads):
                if failed >= _PATIENCE or (
                    enough is not None and self._sure() >= enough
                ):
                    break
                if start >= _AT_LEAST and time.monotonic() > end:
                    left = len(candidates) - start
                    return f"time ran out with {left} candidates left to verify"
                some = candidates[start : start + threads]
                stored = self._features_of([one.image_id for one in some])
                features = [stored.get(one.image_id) for one in some]
                for candidate, placement in zip(
                    some, pool.map(self._placed, some, features), strict=True
                ):
                    failed = 0 if placement else failed + 1
                    if placement is not None:
                        self._keep(candidate.image_id, placement)
        return ""

    def matches(self, *, points: bool) -> list[Match]:
        """Return the matches so far.

        Args:
            points: Include the pairs of points that agree.
        """
        return [
            Match(image_id, 1 - placement.confidence, placement.details(points=points))
            for image_id, placement in self._found.items()
        ]

    def _sure(self) -> int:
        """Return the number of images that more likely match than not."""
        return sum(found.confidence >= _SURE for found in self._found.values())

    def _placed(
        self, candidate: Candidate, feature: Feature | None
    ) -> Placement | None:
        if feature is None:
            return None
        image = self._verifier.prepared(unpack(feature.rows))
        placement = self._verifier.placed(self._prepared[candidate.variant], image)
        orientation, query = self._query[candidate.variant]
        if placement is not None and orientation.mirrors:
            return placement.unmirrored(query.size[1])
        return placement

    def _keep(self, image_id: ImageId, placement: Placement) -> None:
        before = self._found.get(image_id)
        if before is None or placement.confidence > before.confidence:
            self._found[image_id] = placement
