"""Decides which claim the evidence on one image carries, and how sure it is.

From the strongest claim to the weakest, the first that fits:

1. ``same_file``: the bytes of the query and of the image are equal.
2. ``same_pixels``: both decode to the same pixels.
3. What a service says that compares images as wholes, if the image is so near that it
   decides.
4. What a service says that finds parts, if any fit. Where the image and the query fit
   as wholes, it is ``re_encoded``; but ``edited`` if a service that compares wholes was
   asked, too, as that one did not find them so near.
5. What a service says of wholes that are farther away, where nothing fits.
6. What a service says that finds likeness.

Where the pixels of both were compared, they have the last word on 3 to 5
(`ambience.overlay`): what is no copy is the same scene, or the same template, if it is
anything; what would be ``re_encoded`` is ``edited`` where a region differs.

Each service declares which relation its measure means (`ambience.fusion.evidence`). How
sure a claim is, all evidence together says (`ambience.fusion.belief`); one that is more
likely false than true is not made.
"""

from typing import NamedTuple

from ambience.core.matches import Relation
from ambience.fusion.belief import Belief
from ambience.fusion.evidence import Measures, Proof

MIN_SCORE = 0.5
"""Below, a claim is more likely false than true: it is not made."""

FILE, PIXELS, OVERLAY = "file", "pixels", "overlay"
"""What was found out by comparing files, besides what services measured."""

_EDITED = 0.02  # of what can be compared: noise and JPEG leave less

_STRENGTH = {relation: place for place, relation in enumerate(Relation)}


class Claimed(NamedTuple):
    """A claim about one image.

    Attributes:
        relation: What the query is to it.
        score: The probability that this is true.
        by: The service whose measure says so, `FILE`, `PIXELS` or `OVERLAY`.
    """

    relation: Relation
    score: float
    by: str


def claim(
    measures: Measures, belief: Belief, *, min_score: float = MIN_SCORE
) -> Claimed | None:
    """Return the strongest claim that evidence carries, with its probability.

    Args:
        measures: Of one image. Those of services that declare no evidence don't count.
        belief: In this search.
        min_score: Claims less probable than this are not made.

    Returns:
        ``None`` if it carries none.
    """
    if FILE in measures:
        return Claimed(Relation.SAME_FILE, 1.0, FILE)
    if PIXELS in measures:
        return Claimed(Relation.SAME_PIXELS, 1.0, PIXELS)
    claims: list[Claimed] = []
    copy = _copy(measures, belief)
    if copy is not None:
        claims += _looked_at(Claimed(copy[0], belief.copy(measures), copy[1]), measures)
    claims += [
        Claimed(relation, belief.likeness(name, measures), name)
        for relation, name in _said(Proof.LIKENESS, measures, belief)
    ]
    return max(
        (claimed for claimed in claims if claimed.score >= min_score),
        key=_preference,
        default=None,
    )


def strength(relation: Relation) -> int:
    """Return the place of a relation, the strongest first."""
    return _STRENGTH[relation]


_Said = tuple[Relation, str]  # and by which service


def _copy(measures: Measures, belief: Belief) -> _Said | None:
    """Return what a copy is called, were it one."""
    wholes = _said(Proof.WHOLE, measures, belief)
    near = [said for said in wholes if _decides(said[1], measures, belief)]
    parts = _said(Proof.PART, measures, belief)
    if near or not parts:
        return min(near or wholes, key=_place, default=None)
    relation, name = min(parts, key=_place)
    if relation is Relation.RE_ENCODED and any(
        own.proves is Proof.WHOLE and (other in belief.asked or other in measures)
        for other, own in belief.evidence.items()
    ):
        relation = Relation.EDITED
    return relation, name


def _looked_at(claimed: Claimed, measures: Measures) -> list[Claimed]:
    """Return what is left of the claim of a copy once its pixels are looked at.

    That both have much in common is as probable as it was; whether it is the picture
    that they have in common, the overlay says.
    """
    seen = measures.get(OVERLAY, {})
    if "same_picture" not in seen:
        return [claimed]
    relation, score, by = claimed
    differs = bool(seen["regions"]) and seen["differs"] >= _EDITED
    if relation is Relation.RE_ENCODED and differs:
        relation, by = Relation.EDITED, OVERLAY
    claims = [Claimed(relation, score * seen["same_picture"], by)]
    if seen["otherwise"] is not None:
        otherwise = Relation(seen["otherwise"])
        claims.append(Claimed(otherwise, score * (1 - seen["same_picture"]), OVERLAY))
    return claims


def _said(proof: Proof, measures: Measures, belief: Belief) -> list[_Said]:
    """Return what services say whose matches are one kind of proof."""
    said = [
        (own.relation(measures[name]), name)
        for name, own in belief.evidence.items()
        if own.proves is proof and name in measures
    ]
    return [(relation, name) for relation, name in said if relation is not None]


def _decides(name: str, measures: Measures, belief: Belief) -> bool:
    within = belief.evidence[name].decides_within
    return within is not None and measures[name]["distance"] <= within


def _place(said: _Said) -> tuple[int, str]:
    relation, name = said
    return strength(relation), name


def _preference(claimed: Claimed) -> tuple[bool, float, int]:
    # A copy that is more likely none does not hide what is likelier.
    is_copy = claimed.relation.is_copy and claimed.score >= MIN_SCORE
    return is_copy, claimed.score, -strength(claimed.relation)
