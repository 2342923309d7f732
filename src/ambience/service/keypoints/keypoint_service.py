"""A service that finds images by their keypoints, and shows where they fit."""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ambience.core.features import Extractor, ImageId, Query, Rows
from ambience.core.keypoints import unpack, without_frames
from ambience.core.matches import Answer, Match
from ambience.core.orientation import Orientation
from ambience.engine import DescriptorCollection
from ambience.service.declaration import ServiceParts
from ambience.service.keypoints.keypoint_options import (
    KeypointOptions,
    KeypointSettings,
)
from ambience.service.keypoints.placement import Verifier
from ambience.service.keypoints.verification import Verification
from ambience.service.keypoints.votes import (
    NEIGHBORS,
    UNLIKE_SHARE,
    Ballots,
    Candidate,
    candidates,
)
from ambience.service.search_request import SearchRequest
from ambience.service.service import Service

# Of a query's keypoints, half vote, but not fewer than this; all are used to verify.
_VOTING = 800

_NOTHING = "there is too little in the image to compare: it is nearly blank"


class KeypointService(Service[DescriptorCollection]):
    """A service with many vectors per image: votes find candidates, geometry verifies.

    A distance is 1 minus the confidence of a match.

    Args:
        name: The service.
        extractor: Extracts keypoints, as rows of `ambience.core.keypoints`.
        collection: Stores the keypoints.
        verifier: Finds where two images show the same.
        settings: The limits of a search.
    """

    options = KeypointOptions

    def __init__(
        self,
        *,
        name: str,
        extractor: Extractor,
        collection: DescriptorCollection,
        verifier: Verifier[Any],
        settings: KeypointSettings,
    ) -> None:
        super().__init__(name, extractor, collection)
        self._verifier = verifier
        self._settings = settings

    def train(self) -> bool:
        """Fit the index to the stored features; return whether there were any."""
        return self._collection.train()

    def _answer(
        self,
        query: Query,
        request: SearchRequest,
        options: KeypointOptions,
        without: ImageId | None = None,
    ) -> Answer:
        variants = query.by_orientation()
        keypoints = {name: unpack(own) for name, own in variants.items()}
        if not any(map(len, keypoints.values())):
            return Answer(note=_NOTHING)
        found = self._candidates(variants, options)
        chosen = [candidate for candidate in found if candidate.image_id != without]
        if not options.verify:
            return request.answer(_by_votes(chosen, list(keypoints)))
        verification = Verification(self._verifier, keypoints, self._collection.get)
        note = verification.verify(
            chosen,
            time_s=self._settings.time_budget_s,
            enough=request.k,
            threads=_threads(self._settings),
        )
        return request.answer(verification.matches(points=options.points), note)

    def _candidates(
        self, variants: Mapping[Orientation, Rows], options: KeypointOptions
    ) -> list[Candidate]:
        """Return the images with the most votes, sorted by votes."""
        voting = [_thinned(own[without_frames(own)]) for own in variants.values()]
        rows = np.concatenate(voting)
        numbers = np.repeat(np.arange(len(voting)), [len(own) for own in voting])
        near = self._collection.nearest(rows, k=NEIGHBORS, nprobe=options.nprobe)
        return candidates(
            Ballots.of(rows, numbers, near),
            count=options.max_candidates or self._settings.max_candidates,
            unlike=UNLIKE_SHARE * self._collection.spec.scale,
        )


def many_keypoints(
    verifier: Verifier[Any],
) -> Callable[[ServiceParts[Any]], KeypointService]:
    """Return a function that assembles a service with many keypoints per image.

    Args:
        verifier: Finds where two images show the same.
    """

    def assemble(parts: ServiceParts[Any]) -> KeypointService:
        return KeypointService(
            name=parts.name,
            extractor=parts.extractor,
            collection=parts.engine.descriptors(
                parts.name, parts.extractor.spec, threads=_threads(parts.settings)
            ),
            verifier=verifier,
            settings=parts.settings,
        )

    return assemble


def _threads(settings: KeypointSettings) -> int:
    return settings.threads or os.cpu_count() or 1


def _thinned(rows: Rows) -> Rows:
    """Return the rows of a query that vote, chosen evenly."""
    count = min(len(rows), max(_VOTING, len(rows) // 2))
    return rows[np.linspace(0, len(rows) - 1, count).astype(np.intp)]


def _by_votes(
    candidates: Sequence[Candidate], variants: Sequence[Orientation]
) -> list[Match]:
    """Return candidates as matches, each image once; more votes are nearer."""
    best: dict[ImageId, Match] = {}
    for candidate in candidates:  # most votes first
        details = {
            "votes": round(candidate.votes, 3),
            "mirrored": variants[candidate.variant].mirrors,
        }
        distance = 1 / (1 + candidate.votes)
        match = Match(candidate.image_id, distance, details)
        best.setdefault(candidate.image_id, match)
    return list(best.values())
