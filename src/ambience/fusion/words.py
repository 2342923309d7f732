"""Says in words why an image matches."""

from ambience.core.matches import FusedMatch, Relation
from ambience.core.orientation import Orientation
from ambience.fusion.relations import Evidence

_HASH_BITS = 576

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
    match match.relation:
        case Relation.SAME_FILE:
            return "the same file, byte for byte"
        case Relation.SAME_PIXELS:
            return "the same pixels in another file"
        case Relation.RE_ENCODED:
            return f"re-encoded, {_bits(match.evidence)}"
        case Relation.MIRRORED | Relation.ROTATED:
            orientation = Orientation(match.evidence["phash"]["orientation"])
            return f"{_TURNED[orientation]}, {_bits(match.evidence)}"
        case Relation.SIMILAR_COLORS:
            # L1 of two histograms is twice the share that they don't have in common.
            shared = 1 - match.evidence["color"]["distance"] / 2
            return f"similar colors, {shared:.0%} of the palette shared"


def _bits(evidence: Evidence) -> str:
    differing = round(evidence["phash"]["distance"])
    if not differing:
        return f"all {_HASH_BITS} bits of the hash agree"
    return f"{differing} of {_HASH_BITS} bits differ"
