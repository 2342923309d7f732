"""Merges the matches of all services into one list, best first."""

from collections import defaultdict
from collections.abc import Mapping

from ambience.core.features import ImageId
from ambience.core.matches import Answer, FusedMatch, Relation
from ambience.fusion.belief import Belief
from ambience.fusion.calibration import Calibration
from ambience.fusion.evidence import Evidence, Measured, Measures
from ambience.fusion.relations import (
    FILE,
    MIN_SCORE,
    OVERLAY,
    PIXELS,
    Claim,
    claim,
    strength,
)

_SURE = 0.9  # at least nine of ten such claims are right

_COMPARED = {
    FILE: "the same file, byte for byte",
    PIXELS: "the same pixels in another file",
}


def fuse(
    answers: Mapping[str, Answer],
    *,
    facts: Mapping[ImageId, Measures],
    calibration: Calibration,
    k: int,
    min_score: float = MIN_SCORE,
) -> list[FusedMatch]:
    """Merge the answers of services into claims about images.

    Args:
        answers: The answers by service name.
        facts: For each image, the results of comparing files: ``file``, ``pixels``,
            ``overlay``.
        calibration: What services declare, and what their distances are worth.
        k: How many images each service was asked for.
        min_score: Claims less probable than this are left out.

    Returns:
        Copies first, then the others. Within each: first the sure claims, the strongest
        relation first, then the unsure ones; then by score, ties by id.
    """
    measures: defaultdict[ImageId, dict[str, Measured]] = defaultdict(dict)
    for image_id, compared in facts.items():
        measures[image_id].update(compared)
    for name, answer in answers.items():
        for match in answer.matches:
            measured = {"distance": match.distance, **match.details}
            measures[match.image_id][name] = measured
    belief = Belief(calibration, answers, k=k)
    found = (
        fused_match(image_id, known, belief, min_score=min_score)
        for image_id, known in measures.items()
    )
    return sorted((match for match in found if match is not None), key=_place)


def fused_match(
    image_id: ImageId,
    measures: Measures,
    belief: Belief,
    *,
    min_score: float = MIN_SCORE,
) -> FusedMatch | None:
    """Return an image with the claim that its evidence supports, if there is one.

    Args:
        image_id: The image.
        measures: What was measured for it.
        belief: The probabilities in this search.
        min_score: Claims less probable than this are left out.
    """
    claimed = claim(measures, belief, min_score=min_score)
    if claimed is None:
        return None
    words = _words(claimed, measures, belief.evidence)
    return FusedMatch(
        image_id, claimed.score, claimed.relation, measures, words, claimed.by
    )


def _words(claimed: Claim, measures: Measures, evidence: Mapping[str, Evidence]) -> str:
    """Return a claim and its evidence in one line."""
    relation, _, by = claimed
    if by == OVERLAY:
        return _seen(relation, measures[by])
    return _COMPARED.get(by) or evidence[by].words(relation, measures[by])


def _seen(relation: Relation, measured: Measured) -> str:
    """Return a claim made by an overlay, and how much of the overlay agrees."""
    match relation:
        case Relation.SAME_SCENE:
            how = "the same scene from elsewhere or at another moment"
        case Relation.SAME_TEMPLATE:
            how = "the same layout with other contents"
        case _:
            places = len(measured["regions"])
            how = f"edited in {places} place{'s' if places > 1 else ''}"
    return f"{how}, {measured['agrees']:.0%} of it agrees"


def _place(match: FusedMatch) -> tuple[bool, bool, int, float, int]:
    unsure = match.score < _SURE
    # Among unsure claims, a stronger relation is no likelier to be true.
    place = 0 if unsure else strength(match.relation)
    return not match.relation.is_copy, unsure, place, -match.score, match.image_id
