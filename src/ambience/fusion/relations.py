"""Decides which claim the evidence on one image carries, and how sure it is.

From the strongest claim to the weakest, the first that fits:

1. ``same_file``: the bytes of the query and of the image are equal.
2. ``same_pixels``: both decode to the same pixels.
3. What the perceptual hash says, if it is near: ``re_encoded`` as the hashes stand,
   ``mirrored`` once the query is mirrored (and perhaps turned), ``rotated`` once it is
   turned by quarters.
4. What the geometry of local features says, if it is sure:

   - ``mirrored``: the query fits on the image once it is mirrored, a part of it too;
   - ``rotated``: it fits once it is turned, by any angle;
   - ``crop``: nearly all of the query is in the image, but not all of the image;
   - ``contains``: nearly all of the image is in the query, but the query shows more;
   - ``edited``: the rest: they overlap in part; or as wholes, and yet the hash, asked,
     does not find them alike;
   - ``re_encoded``: they overlap as wholes, and the hash has not been asked.
5. What a hash says that is farther away.
6. ``similar_colors``: the color histograms overlap.

A hash, geometry or histogram that proves too little carries no claim at all.
"""

from collections.abc import Collection, Mapping
from typing import Any

from ambience.core.matches import Relation
from ambience.core.orientation import Orientation
from ambience.fusion.calibration import SAME_IMAGE, SIMILAR_COLORS

MIN_SCORE = 0.5
"""Below, a claim is more likely false than true: it is not made."""

Evidence = Mapping[str, Mapping[str, Any]]
"""What is known of one image: by service name, and under ``file`` and ``pixels``."""

COPIES = frozenset(Relation) - {Relation.SIMILAR_COLORS}
"""The relations that say: this is the same picture, or a part of it."""

_NEAR_BITS = 90  # recompressed, resized and recolored copies are within (stability.py)
WHOLE = 0.95  # of an area: what is missing may be a measuring error
_NEARLY = 0.9  # of the smaller of two, when the other shows more
TURNED_DEGREES = 3.0  # less, nobody sees

Found = tuple[Relation, float]


def claim(evidence: Evidence, asked: Collection[str] = ()) -> Found | None:
    """Return the strongest claim that evidence carries, with its probability.

    Args:
        evidence: On one image.
        asked: The services that answered, with or without this image among their
            matches.

    Returns:
        ``None`` if it carries none.
    """
    if "file" in evidence:
        return Relation.SAME_FILE, 1.0
    if "pixels" in evidence:
        return Relation.SAME_PIXELS, 1.0
    copy: Found | None = None
    if by_hash(evidence):
        copy = _said_by_hash(evidence["phash"])
        if _is_sure(evidence):
            copy = copy[0], max(copy[1], 1 - evidence["local_features"]["distance"])
    elif _is_sure(evidence):
        copy = _said_by_geometry(
            evidence["local_features"], hash_asked="phash" in {*asked, *evidence}
        )
    claims = (copy, _by_colors(evidence))
    return max(
        (found for found in claims if found is not None),
        key=lambda found: (found[1] >= MIN_SCORE, found[0] in COPIES, found[1]),
        default=None,
    )


def by_hash(evidence: Evidence) -> bool:
    """Tell whether it is the hash that says what a copy is, and not the geometry."""
    return "phash" in evidence and (
        evidence["phash"]["distance"] <= _NEAR_BITS or not _is_sure(evidence)
    )


def _is_sure(evidence: Evidence) -> bool:
    """Tell whether local features fit, and not by chance; votes alone prove nothing."""
    local = evidence.get("local_features", {})
    return "transform" in local and 1 - local["distance"] >= MIN_SCORE


def _said_by_hash(phash: Mapping[str, Any]) -> Found:
    orientation = Orientation(phash["orientation"])
    if orientation is Orientation.UPRIGHT:
        relation = Relation.RE_ENCODED
    elif orientation.mirrors:
        relation = Relation.MIRRORED
    else:
        relation = Relation.ROTATED
    return relation, SAME_IMAGE(phash["distance"])


def _said_by_geometry(local: Mapping[str, Any], *, hash_asked: bool) -> Found:
    query, image = local["query_overlap"], local["image_overlap"]
    if local["mirrored"]:
        relation = Relation.MIRRORED
    elif abs(local["rotation_degrees"]) >= TURNED_DEGREES:
        relation = Relation.ROTATED
    elif min(query, image) >= WHOLE:
        relation = Relation.EDITED if hash_asked else Relation.RE_ENCODED
    elif max(query, image) < _NEARLY:
        relation = Relation.EDITED
    else:
        relation = Relation.CROP if query >= image else Relation.CONTAINS
    return relation, 1 - local["distance"]


def _by_colors(evidence: Evidence) -> Found | None:
    if "color" not in evidence:
        return None
    return Relation.SIMILAR_COLORS, SIMILAR_COLORS(evidence["color"]["distance"])
