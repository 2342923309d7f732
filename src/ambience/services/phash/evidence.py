"""What the distance of two perceptual hashes proves, and its description."""

from ambience.core.matches import Relation
from ambience.core.orientation import Orientation
from ambience.fusion import Curve, Evidence, Measured, Proof, Scale
from ambience.services.phash.extract import BITS

# Recompressed, resized and recolored copies stay within it (benchmarks/stability.py).
_NEAR_BITS = 90
# The same pixels may differ by this, if only one image was decoded at a reduced size.
_SAME_PIXELS_BITS = 16

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
"""What was done to the image to get the query, by what turns it back."""


def relation(measured: Measured) -> Relation:
    """Return the relation of a copy whose hash is near in a given orientation."""
    orientation = Orientation(measured["orientation"])
    if orientation is Orientation.UPRIGHT:
        return Relation.RE_ENCODED
    return Relation.MIRRORED if orientation.mirrors else Relation.ROTATED


def words(relation: Relation, measured: Measured) -> str:
    """Describe a claim with the number of differing bits."""
    how = (
        "re-encoded"
        if relation is Relation.RE_ENCODED
        else _TURNED[Orientation(measured["orientation"])]
    )
    differing = round(measured["distance"])
    if not differing:
        return f"{how}, all {BITS} bits of the hash agree"
    return f"{how}, {differing} of {BITS} bits differ"


EVIDENCE = Evidence(
    proves=Proof.WHOLE,
    relations=frozenset({Relation.RE_ENCODED, Relation.MIRRORED, Relation.ROTATED}),
    relation=relation,
    words=words,
    scale=Scale.DISTANCE,
    # Fitted by scripts/fit_calibration.py.
    curve=Curve(
        seen=0.4023679149770665, middle=248.9210116639068, width=4.507936507936508
    ),
    decides_within=_NEAR_BITS,
    same_pixels_within=_SAME_PIXELS_BITS,
    is_quick=True,
)
