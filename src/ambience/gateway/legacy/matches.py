"""What services find, in the units, order and shape of the original."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ambience.core.features import ImageId
from ambience.core.matches import Answer, Match
from ambience.core.search_options import SearchOptions
from ambience.gateway.legacy.requests import number, whole
from ambience.service import MAX_K, SearchRequest
from ambience.service.keypoints import KeypointOptions
from ambience.web.schemas import JSON

Search = Callable[[SearchRequest], Answer]

_VERSIONS = 2  # of a query with many vectors: unchanged, and mirrored

# Squared L2 of unit vectors is twice their cosine distance; color histograms added up
# to ten million.
_UNITS = {"color": 1e7, "global_features": 2.0, "image_text": 2.0}
_COUNTS_BITS = "phash"  # its distances are whole numbers

# If there were fewer images than requested, the original's index padded the answer with
# this id at the largest distance; for hashes, equal ids were then returned once.
_NOBODY = -1
_FARTHEST_BITS = 2**31 - 1
_FARTHEST = 3.4028234663852886e38  # the largest float of 32 bits


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchFields:
    """The parameters of an original search; 0 counts as not given.

    Attributes:
        k: How many images at most.
        below: Only images nearer than this, in the original's unit.
        least: Images with fewer matches are left out.
        verified: Whether images are verified; otherwise votes are counted.
        fitted: Whether only matches that fit together count.
        others: Fields for which some services have an option of the same name.
    """

    k: int | None = None
    below: float | None = None
    least: int = 1
    verified: bool = False
    fitted: bool = False
    others: Mapping[str, Any]

    @classmethod
    def told(cls, fields: Mapping[str, Any]) -> "SearchFields":
        """Return the parameters in a request's fields; unknown fields are ignored.

        Raises:
            ValueError: If one is not a number.
        """
        k, below = fields.get("k"), fields.get("distance_threshold")
        return cls(
            k=None if k is None else whole(k),
            below=None if below is None else number(below),
            least=whole(fields.get("knn_min_matches") or 1),
            verified=whole(fields.get("use_smnn_matching") or 0) != 0,
            fitted=whole(fields.get("use_ransac") or 0) != 0,
            others={
                name: convert(fields[name])
                for name, convert in (("aqe_n", whole), ("aqe_alpha", number))
                if fields.get(name)
            },
        )


def counts_matches(options: type[SearchOptions]) -> bool:
    """Tell by its options whether a service compares keypoints and counts them."""
    return issubclass(options, KeypointOptions)


def matched(
    name: str,
    options: type[SearchOptions],
    wanted: SearchFields,
    search: Search,
    *,
    known: ImageId | None = None,
) -> list[JSON]:
    """Return what a service finds.

    Args:
        name: The service's name.
        options: Its class of options.
        wanted: The parameters of the search.
        search: Asks the service.
        known: The image to search with, if it is in the library.

    Raises:
        ValueError: If not exactly one of ``k`` and a distance is given.
    """
    told = {n: v for n, v in wanted.others.items() if n in options.model_fields}
    if counts_matches(options):
        return _with_matches(wanted, told, search)
    versions = "mirrored" if known is None else "upright"
    plain = {"background": False, "orientations": versions, "metric": "l1"}
    told |= {n: v for n, v in plain.items() if n in options.model_fields}
    if (wanted.k is None) == (wanted.below is None) or wanted.k == 0:
        raise ValueError("give exactly one of k and distance_threshold")
    unit = _UNITS.get(name, 1.0)
    if wanted.below is not None:
        answer = search(SearchRequest(radius=wanted.below / unit, options=told))
    else:
        k = min(wanted.k or 1, MAX_K)
        answer = search(SearchRequest(k=k, options=told))
    itself = () if known is None else (Match(known, 0.0),)
    found = [
        {"image_id": m.image_id, "distance": _measured(name, m.distance * unit)}
        for m in (*itself, *answer.matches)
    ]
    if wanted.below is not None:
        return [one for one in found if one["distance"] < wanted.below]
    return _filled(name, found[:k], k)


def _filled(name: str, found: list[JSON], k: int) -> list[JSON]:
    if len(found) == k:
        return found
    if name == _COUNTS_BITS:
        return [*found, {"image_id": _NOBODY, "distance": _FARTHEST_BITS}]
    nobody = {"image_id": _NOBODY, "distance": _FARTHEST}
    return [*found, *([nobody] * (k - len(found)))]


def _measured(name: str, distance: float) -> float:
    return int(distance) if name == _COUNTS_BITS else distance


def _with_matches(wanted: SearchFields, told: JSON, search: Search) -> list[JSON]:
    """Return images with enough matches (votes, pairs or inliers), most first."""
    options = told | {"verify": wanted.verified}
    k = min(wanted.k or MAX_K, MAX_K)
    if not wanted.verified:
        counted = "votes"
        if wanted.k:
            options["max_candidates"] = _VERSIONS * k
    else:
        counted = "inliers" if wanted.fitted else "matches"
    # All of them: those with the most matches are not always the nearest.
    answer = search(SearchRequest(radius=1.0, options=options))
    found: list[JSON] = [
        # Each vote counts up to 1.
        {"image_id": m.image_id, "matches": math.ceil(m.details[counted])}
        for m in answer.matches
        if counted in m.details
    ]
    enough = [one for one in found if one["matches"] >= wanted.least]
    return sorted(enough, key=lambda one: -one["matches"])[:k]


def unified_list(lists: Sequence[Sequence[JSON]]) -> list[JSON]:
    """Return the images in more than one list, the largest score first, ties by id.

    An image's score is the sum of 1 / rank over the lists that it is in.
    """
    ranks: dict[int, dict[int, int]] = {}
    for number_of, listed in enumerate(lists):
        for rank, one in enumerate(listed, 1):
            ranks.setdefault(one["image_id"], {})[number_of] = rank
    scores = {
        image_id: sum(1 / rank for rank in own.values())
        for image_id, own in ranks.items()
        if len(own) > 1
    }
    return [
        {"image_id": image_id, "score": score}
        for image_id, score in sorted(
            scores.items(), key=lambda one: (-one[1], one[0] == _NOBODY, one[0])
        )
    ]
