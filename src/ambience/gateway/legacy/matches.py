"""What services find, in the units and the order of the original."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from ambience.core.errors import BadParameterError
from ambience.core.matches import Answer, Match
from ambience.gateway.legacy.schemas import LegacyMatch, LegacySearch
from ambience.service import MAX_K, AnyService, SearchRequest, required
from ambience.service.capabilities import SearchesImages
from ambience.service.keypoints import KeypointOptions
from ambience.web.schemas import JSON

_VERSIONS = 2  # of a query with many vectors: as it is, and mirrored

# Squared L2 of unit vectors is twice their cosine distance; color histograms summed up
# to ten million.
_UNITS = {"color": 1e7, "global_features": 2.0, "image_text": 2.0}


def by_matches(service: AnyService) -> bool:
    """Tell whether a service compares keypoints, and says how many fit."""
    return issubclass(required(service, SearchesImages).options, KeypointOptions)


def found_by(
    service: AnyService, asked: LegacySearch, search: Callable[[SearchRequest], Answer]
) -> list[LegacyMatch]:
    """Return what a search finds: by matches, or by exactly one of k and threshold."""
    k = min(asked.k or MAX_K, MAX_K)
    options = asked.options_of(service)
    if by_matches(service):
        return _with_matches(service, asked, search)[:k]
    if (asked.k is None) == (asked.distance_threshold is None):
        raise BadParameterError("give exactly one of k and distance_threshold")
    if asked.distance_threshold is None:
        answer = search(SearchRequest(k=k, options=options))
    else:
        unit = _UNITS.get(service.name, 1.0)
        radius = asked.distance_threshold / unit
        answer = search(SearchRequest(radius=radius, options=options))
    found = [measured(service.name, match) for match in answer.matches[:k]]
    below = asked.distance_threshold
    return [m for m in found if below is None or (m.distance or 0) < below]


def _with_matches(
    service: AnyService, asked: LegacySearch, search: Callable[[SearchRequest], Answer]
) -> list[LegacyMatch]:
    """Return what has enough matches, most first: by votes, by pairs or by inliers."""
    options = asked.options_of(service) | {"verify": asked.use_smnn_matching}
    if not asked.use_smnn_matching:
        counted = "votes"
        if asked.k is not None:
            options["max_candidates"] = _VERSIONS * min(asked.k, MAX_K)
    else:
        counted = "inliers" if asked.use_ransac else "matches"
    # All of them: those with the most matches need not be the nearest.
    answer = search(SearchRequest(radius=1.0, options=options))
    found = [measured(service.name, match, counted) for match in answer.matches]
    return in_order([m for m in found if (m.matches or 0) >= asked.knn_min_matches])


def measured(name: str, match: Match, counted: str = "") -> LegacyMatch:
    """Return a match in the original's unit."""
    if counted in match.details:
        matches = math.ceil(match.details[counted])  # a vote counts up to 1
        return LegacyMatch(image_id=match.image_id, matches=matches)
    distance = match.distance * _UNITS.get(name, 1.0)
    whole = int(distance) if distance.is_integer() else distance
    return LegacyMatch(image_id=match.image_id, distance=whole)


def in_order(found: list[LegacyMatch]) -> list[LegacyMatch]:
    """Return matches by how many keypoints match; others stay nearest first."""
    return sorted(found, key=lambda match: -(match.matches or 0))


def unified_list(lists: Iterable[Sequence[LegacyMatch]]) -> list[JSON]:
    """Return the images in more than one list, the largest score first, ties by id.

    An image's score is the sum of 1 / rank over the lists that it is in.
    """
    shares: defaultdict[int, list[float]] = defaultdict(list)
    for listed in lists:
        for rank, match in enumerate(listed, 1):
            shares[match.image_id].append(1 / rank)
    scores = {i: sum(own) for i, own in shares.items() if len(own) > 1}
    return [
        {"image_id": image_id, "score": score}
        for image_id, score in sorted(scores.items(), key=lambda one: (-one[1], one[0]))
    ]
