"""Merges the matches of all services into one list, best first."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from ambience.core.features import ImageId
from ambience.core.matches import Answer, FusedMatch, Relation
from ambience.fusion.belief import Belief
from ambience.fusion.calibration import Calibration
from ambience.fusion.relations import COPIES, MIN_SCORE, claim

_SURE = 0.9  # at least nine in ten such claims are right


def fuse(
    answers: Mapping[str, Answer],
    *,
    facts: Mapping[ImageId, Mapping[str, Mapping[str, Any]]],
    calibration: Calibration,
    k: int,
    min_score: float = MIN_SCORE,
) -> list[FusedMatch]:
    """Merge what was found into claims about images.

    Args:
        answers: By service name.
        facts: By image, what was found out by comparing files: ``file``, ``pixels``.
        calibration: What distances are worth.
        k: How many images each service was asked for.
        min_score: Claims less probable than this are left out.

    Returns:
        Copies first, then the others; of each, claims that are sure before those that
        are not, the strongest claim first, then by score. Ties by id.
    """
    evidence: defaultdict[ImageId, dict[str, Mapping[str, Any]]] = defaultdict(dict)
    for image_id, compared in facts.items():
        evidence[image_id].update(compared)
    for name, answer in answers.items():
        for match in answer.matches:
            measured = {"distance": match.distance, **match.details}
            evidence[match.image_id][name] = measured
    belief = Belief(calibration, answers, k=k)
    fused: list[FusedMatch] = []
    for image_id, known in evidence.items():
        found = claim(known, belief, min_score=min_score)
        if found is not None:
            relation, score = found
            fused.append(FusedMatch(image_id, score, relation, known))
    return sorted(fused, key=_place)


def _place(match: FusedMatch) -> tuple[bool, bool, int, float, int]:
    strength = list(Relation).index(match.relation)
    unsure = match.score < _SURE
    if unsure:  # what is said most strongly is no more likely to be true
        strength = 0
    return match.relation not in COPIES, unsure, strength, -match.score, match.image_id
