"""Decides which claim the evidence on one image supports, and how probable it is.

From the strongest claim to the weakest, the first that applies:

1. ``same_file``: the bytes of the query and of the image are equal.
2. ``same_pixels``: both decode to the same pixels.
3. The relation named by a service that compares whole images, if the image is near
   enough to decide.
4. The relation named by a service that finds parts. If all of the query fits all of the
   image, that is ``re_encoded``; but it is ``edited`` if a service that compares whole
   images was asked too, because that service didn't find them near enough.
5. The relation named by a service that compares whole images, if the image is farther
   away and no part fits.
6. The relation named by a service that finds likeness.

If the pixels of both were compared (`ambience.overlay`), these have the last word on 3
to 5: an image that is not a copy is at most the same scene or the same template, and a
``re_encoded`` image with a region that differs is ``edited``.

Each service declares which relation its measurements mean (`ambience.fusion.evidence`).
How probable a claim is follows from all evidence together (`ambience.fusion.belief`). A
claim that is more likely false than true is not made.
"""

from typing import NamedTuple

from ambience.core.matches import Relation
from ambience.fusion.belief import Belief
from ambience.fusion.evidence import Measures, Proof

MIN_SCORE = 0.5
"""A claim with a lower score is more likely false than true, so it is not made."""

FILE, PIXELS, OVERLAY = "file", "pixels", "overlay"
"""The results of comparing files, next to those of services."""

_EDITED = 0.02  # the share of cells that differ; noise and JPEG change less
# Of unrelated images, a tenth of the cells agree, so this many never do.
_PROVEN = 0.8  # the share of cells that agree, at least
_CELLS = 24  # at least

_STRENGTH = {relation: place for place, relation in enumerate(Relation)}


class Claim(NamedTuple):
    """A claim about one image.

    Attributes:
        relation: How the query relates to it.
        score: The probability that this is true.
        by: The service that names the relation, or `FILE`, `PIXELS` or `OVERLAY`.
    """

    relation: Relation
    score: float
    by: str


def claim(
    measures: Measures, belief: Belief, *, min_score: float = MIN_SCORE
) -> Claim | None:
    """Return the strongest claim that evidence supports, with its probability.

    Args:
        measures: What was measured for one image. Services that declare no evidence
            are ignored.
        belief: The probabilities in this search.
        min_score: Claims less probable than this are left out.

    Returns:
        ``None`` if there is no claim.
    """
    if FILE in measures:
        return Claim(Relation.SAME_FILE, 1.0, FILE)
    if PIXELS in measures:
        return Claim(Relation.SAME_PIXELS, 1.0, PIXELS)
    claims: list[Claim] = []
    copy = _copy(measures, belief)
    if copy is not None:
        claims += _checked(Claim(copy[0], belief.copy(measures), copy[1]), measures)
    claims += [
        Claim(relation, belief.likeness(name, measures), name)
        for relation, name in _named(Proof.LIKENESS, measures, belief)
    ]
    return max(
        (one for one in claims if one.score >= min_score),
        key=_preference,
        default=None,
    )


def strength(relation: Relation) -> int:
    """Return the rank of a relation, 0 for the strongest."""
    return _STRENGTH[relation]


_Named = tuple[Relation, str]  # a relation, and the service that names it


def _copy(measures: Measures, belief: Belief) -> _Named | None:
    """Return the relation if the image is a copy; ``None`` if no service says so."""
    wholes = _named(Proof.WHOLE, measures, belief)
    near = [named for named in wholes if _decides(named[1], measures, belief)]
    parts = _named(Proof.PART, measures, belief)
    if near or not parts:
        return min(near or wholes, key=_place, default=None)
    relation, name = min(parts, key=_place)
    if relation is Relation.RE_ENCODED and any(
        own.proves is Proof.WHOLE and (other in belief.asked or other in measures)
        for other, own in belief.evidence.items()
    ):
        relation = Relation.EDITED
    return relation, name


def _checked(copy: Claim, measures: Measures) -> list[Claim]:
    """Return what becomes of the claim of a copy once the pixels were compared.

    Its score is the probability that both have much in common, which is certain if
    enough of their pixels agree. The overlay tells how probable it is that this is the
    picture itself.
    """
    seen = measures.get(OVERLAY, {})
    if "same_picture" not in seen:
        return [copy]
    relation, score, by = copy
    if seen["compared"] >= _CELLS and seen["agrees"] >= _PROVEN:
        score = 1.0
    differs = bool(seen["regions"]) and seen["differs"] >= _EDITED
    if relation is Relation.RE_ENCODED and differs:
        relation, by = Relation.EDITED, OVERLAY
    claims = [Claim(relation, score * seen["same_picture"], by)]
    if seen["otherwise"] is not None:
        otherwise = Relation(seen["otherwise"])
        claims.append(Claim(otherwise, score * (1 - seen["same_picture"]), OVERLAY))
    return claims


def _named(proof: Proof, measures: Measures, belief: Belief) -> list[_Named]:
    """Return the relations named by services whose matches are one kind of proof."""
    named = [
        (own.relation(measures[name]), name)
        for name, own in belief.evidence.items()
        if own.proves is proof and name in measures
    ]
    return [(relation, name) for relation, name in named if relation is not None]


def _decides(name: str, measures: Measures, belief: Belief) -> bool:
    within = belief.evidence[name].decides_within
    return within is not None and measures[name]["distance"] <= within


def _place(named: _Named) -> tuple[int, str]:
    relation, name = named
    return strength(relation), name


def _preference(claim: Claim) -> tuple[bool, float, int]:
    # An improbable copy does not outrank a more probable claim.
    is_copy = claim.relation.is_copy and claim.score >= MIN_SCORE
    return is_copy, claim.score, -strength(claim.relation)
