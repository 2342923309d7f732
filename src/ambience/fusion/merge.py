"""Merges the matches of all services into one list, best first."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from ambience.core.features import ImageId
from ambience.core.matches import Answer, FusedMatch
from ambience.fusion.relations import COPIES, MIN_SCORE, claim


def fuse(
    answers: Mapping[str, Answer],
    *,
    facts: Mapping[ImageId, Mapping[str, Mapping[str, Any]]],
    min_score: float = MIN_SCORE,
) -> list[FusedMatch]:
    """Merge what was found into claims about images.

    Args:
        answers: By service name.
        facts: By image, what was found out by comparing files: ``file``, ``pixels``.
        min_score: Claims less probable than this are left out.

    Returns:
        Copies first, then the others. Among copies, what is certain comes first, the
        strongest claim before the others; the rest by score. Ties by id.
    """
    evidence: defaultdict[ImageId, dict[str, Mapping[str, Any]]] = defaultdict(dict)
    for image_id, compared in facts.items():
        evidence[image_id].update(compared)
    for name, answer in answers.items():
        for match in answer.matches:
            measured = {"distance": match.distance, **match.details}
            evidence[match.image_id][name] = measured
    fused: list[FusedMatch] = []
    for image_id, known in evidence.items():
        found = claim(known, answers)
        if found is not None and found[1] >= min_score:
            fused.append(FusedMatch(image_id, found[1], found[0], known))
    return sorted(fused, key=_place)


def _place(match: FusedMatch) -> tuple[bool, int, float, int]:
    strength = list(type(match.relation)).index(match.relation)
    certain = strength if match.score == 1.0 else len(type(match.relation))
    return match.relation not in COPIES, certain, -match.score, match.image_id
