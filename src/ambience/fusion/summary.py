"""Says in words why an image matches."""

from ambience.core.matches import FusedMatch, Relation
from ambience.core.orientation import Orientation
from ambience.fusion.belief import Evidence
from ambience.fusion.relations import TURNED_DEGREES, WHOLE, by_hash

_HASH_BITS = 576
_HUNDREDTH = 0.01

_TURNED = {
    Orientation.UPRIGHT: "as it stands",
    Orientation.MIRRORED: "mirrored left to right",
    Orientation.FLIPPED: "mirrored top to bottom",
    Orientation.ROTATED_90: "turned by 90° counterclockwise",
    Orientation.ROTATED_180: "turned upside down",
    Orientation.ROTATED_270: "turned by 90° clockwise",
    Orientation.TRANSPOSED: "mirrored and turned by 90° counterclockwise",
    Orientation.TRANSVERSED: "mirrored and turned by 90° clockwise",
}
"""What was done to the image to make the query, given how the query is turned back."""


def summary(match: FusedMatch) -> str:
    """Return one line that names the relation and its evidence."""
    evidence = match.evidence
    match match.relation:
        case Relation.SAME_FILE:
            said = "the same file, byte for byte"
        case Relation.SAME_PIXELS:
            said = "the same pixels in another file"
        case Relation.SIMILAR_COLORS:
            # L1 of two histograms is twice the share that they don't have in common.
            shared = 1 - evidence["color"]["distance"] / 2
            said = f"similar colors, {shared:.0%} of the palette shared"
        case _:
            said = f"{_copied(match.relation, evidence)}, {_proof(evidence)}"
    return said


def _copied(relation: Relation, evidence: Evidence) -> str:
    """Say what was done to the image, or to a part of it."""
    match relation:
        case Relation.CROP:
            return f"a crop that shows {_share(evidence, 'image_overlap')} of the image"
        case Relation.CONTAINS:
            share = _share(evidence, "query_overlap")
            return f"the image takes up {share} of this one"
        case Relation.EDITED:
            return f"edited, {_share(evidence, 'image_overlap')} of the image is in it"
        case Relation.MIRRORED | Relation.ROTATED:
            return _turned(evidence)
        case _:
            return "re-encoded"


def _turned(evidence: Evidence) -> str:
    """Say what was done to the image to make the query."""
    if "phash" in evidence and by_hash(evidence):
        return _TURNED[Orientation(evidence["phash"]["orientation"])]
    local = evidence["local_features"]
    degrees = local["rotation_degrees"]
    # The query is mirrored, then turned back so; from the image to the query, a mirror
    # comes after the turn, and so turns the same way.
    if not local["mirrored"]:
        degrees = -degrees
    turned = f"turned by {abs(degrees):.0f}° " + (
        "clockwise" if degrees > 0 else "counterclockwise"
    )
    if abs(degrees) < TURNED_DEGREES:
        turned = ""
    mirrored = "mirrored" if local["mirrored"] else ""
    how = " and ".join(filter(None, [mirrored, turned]))
    shown = local["image_overlap"]
    return how if shown >= WHOLE else f"a part of the image, {how}"


def _proof(evidence: Evidence) -> str:
    if "phash" in evidence and by_hash(evidence):
        return _bits(evidence)
    return f"{evidence['local_features']['inliers']} points fit"


def _share(evidence: Evidence, name: str) -> str:
    share = evidence["local_features"][name]
    return f"{share:.0%}" if share >= _HUNDREDTH else "under 1%"


def _bits(evidence: Evidence) -> str:
    differing = round(evidence["phash"]["distance"])
    if not differing:
        return f"all {_HASH_BITS} bits of the hash agree"
    return f"{differing} of {_HASH_BITS} bits differ"
