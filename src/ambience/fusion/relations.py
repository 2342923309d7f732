"""Decides which claim the evidence on one image carries, and how sure it is.

From the strongest claim to the weakest, the first that fits:

1. ``same_file``: the bytes of the query and of the image are equal.
2. ``same_pixels``: both decode to the same pixels.
3. What the perceptual hash says, if it is near: ``re_encoded`` as the hashes stand,
   ``mirrored`` once the query is mirrored (and perhaps turned), ``rotated`` once it is
   turned by quarters.
4. What the geometry of local features says, if they fit anywhere:

   - ``mirrored``: the query fits on the image once it is mirrored, a part of it too;
   - ``rotated``: it fits once it is turned, by any angle;
   - ``crop``: nearly all of the query is in the image, but not all of the image;
   - ``contains``: nearly all of the image is in the query, but the query shows more;
   - ``edited``: the rest: they overlap in part; or as wholes, and yet the hash, asked,
     does not find them alike;
   - ``re_encoded``: they overlap as wholes, and the hash has not been asked.
5. What a hash says that is farther away, where nothing fits.
6. ``similar_colors``: the color histograms overlap.

How sure a claim is, all evidence together says (`ambience.fusion.belief`); one that is
more likely false than true is not made.
"""

from collections.abc import Mapping
from typing import Any

from ambience.core.matches import Relation
from ambience.core.orientation import Orientation
from ambience.fusion.belief import Belief, Evidence

MIN_SCORE = 0.5
"""Below, a claim is more likely false than true: it is not made."""

COPIES = frozenset(Relation) - {Relation.SIMILAR_COLORS}
"""The relations that say: this is the same picture, or a part of it."""

_NEAR_BITS = 90  # recompressed, resized and recolored copies are within (stability.py)
WHOLE = 0.95  # of an area: what is missing may be a measuring error
_NEARLY = 0.9  # of the smaller of two, when the other shows more
TURNED_DEGREES = 3.0  # less, nobody sees

Found = tuple[Relation, float]


def claim(
    evidence: Evidence, belief: Belief, *, min_score: float = MIN_SCORE
) -> Found | None:
    """Return the strongest claim that evidence carries, with its probability.

    Args:
        evidence: On one image.
        belief: In this search.
        min_score: Claims less probable than this are not made.

    Returns:
        ``None`` if it carries none.
    """
    if "file" in evidence:
        return Relation.SAME_FILE, 1.0
    if "pixels" in evidence:
        return Relation.SAME_PIXELS, 1.0
    claims: list[Found] = []
    if by_hash(evidence):
        claims.append((_said_by_hash(evidence["phash"]), belief.copy(evidence)))
    elif _fits(evidence):
        hash_asked = "phash" in {*belief.asked, *evidence}
        relation = _said_by_geometry(evidence["local_features"], hash_asked=hash_asked)
        claims.append((relation, belief.copy(evidence)))
    if "color" in evidence:
        likeness = belief.likeness("color", evidence)
        claims.append((Relation.SIMILAR_COLORS, likeness))
    made = [found for found in claims if found[1] >= min_score]
    # A copy that is more likely none does not hide what is likelier.
    return max(
        made,
        key=lambda found: (found[0] in COPIES and found[1] >= MIN_SCORE, found[1]),
        default=None,
    )


def by_hash(evidence: Evidence) -> bool:
    """Tell whether it is the hash that says what a copy is, and not the geometry."""
    return "phash" in evidence and (
        evidence["phash"]["distance"] <= _NEAR_BITS or not _fits(evidence)
    )


def _fits(evidence: Evidence) -> bool:
    """Tell whether geometry was found that fits; votes alone prove nothing."""
    return "transform" in evidence.get("local_features", {})


def _said_by_hash(phash: Mapping[str, Any]) -> Relation:
    orientation = Orientation(phash["orientation"])
    if orientation is Orientation.UPRIGHT:
        return Relation.RE_ENCODED
    return Relation.MIRRORED if orientation.mirrors else Relation.ROTATED


def _said_by_geometry(local: Mapping[str, Any], *, hash_asked: bool) -> Relation:
    query, image = local["query_overlap"], local["image_overlap"]
    if local["mirrored"]:
        return Relation.MIRRORED
    if abs(local["rotation_degrees"]) >= TURNED_DEGREES:
        return Relation.ROTATED
    if min(query, image) >= WHOLE:
        return Relation.EDITED if hash_asked else Relation.RE_ENCODED
    if max(query, image) < _NEARLY:
        return Relation.EDITED
    return Relation.CROP if query >= image else Relation.CONTAINS
