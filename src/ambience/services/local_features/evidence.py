"""What matching keypoints prove, and its description."""

from ambience.core.matches import Relation
from ambience.fusion import Curve, Evidence, Measured, Proof, Scale

_WHOLE = 0.95  # of an area: the rest may be an error of measurement
_NEARLY = 0.9  # of the area of an image that is a part of the other
_TURNED_DEGREES = 3.0  # a smaller rotation is invisible
_HUNDREDTH = 0.01


def relation(measured: Measured) -> Relation | None:
    """Return how the query lies on the image; votes alone prove nothing.

    - ``mirrored``: the query, or a part of it, fits after mirroring;
    - ``rotated``: the query fits after a rotation by any angle;
    - ``re_encoded``: query and image overlap completely;
    - ``crop``: nearly all of the query is in the image, which shows more;
    - ``contains``: nearly all of the image is in the query, which shows more;
    - ``edited``: they overlap in part.
    """
    if "transform" not in measured:
        return None
    query, image = measured["query_overlap"], measured["image_overlap"]
    if measured["mirrored"]:
        return Relation.MIRRORED
    if abs(measured["rotation_degrees"]) >= _TURNED_DEGREES:
        return Relation.ROTATED
    if min(query, image) >= _WHOLE:
        return Relation.RE_ENCODED
    if max(query, image) < _NEARLY:
        return Relation.EDITED
    return Relation.CROP if query >= image else Relation.CONTAINS


def words(relation: Relation, measured: Measured) -> str:
    """Describe a claim with the number of matching points."""
    match relation:
        case Relation.CROP:
            share = _share(measured["image_overlap"])
            how = f"a crop that shows {share} of the image"
        case Relation.CONTAINS:
            share = _share(measured["query_overlap"])
            how = f"the image takes up {share} of this one"
        case Relation.EDITED:
            share = _share(measured["image_overlap"])
            how = f"edited, {share} of the image is in it"
        case Relation.MIRRORED | Relation.ROTATED:
            how = _turned(measured)
        case _:
            how = "re-encoded"
    return f"{how}, {measured['inliers']} points fit"


def _turned(measured: Measured) -> str:
    """Describe what was done to the image to get the query."""
    degrees = measured["rotation_degrees"]
    # The angle is from the query to the image, so the opposite was done to the image.
    # But if the query is mirrored first, mirroring the image last reverses it again.
    if not measured["mirrored"]:
        degrees = -degrees
    turned = f"turned by {abs(degrees):.0f}° " + (
        "clockwise" if degrees > 0 else "counterclockwise"
    )
    if abs(degrees) < _TURNED_DEGREES:
        turned = ""
    mirrored = "mirrored" if measured["mirrored"] else ""
    how = " and ".join(filter(None, [mirrored, turned]))
    shown = measured["image_overlap"]
    return how if shown >= _WHOLE else f"a part of the image, {how}"


def _share(share: float) -> str:
    return f"{share:.0%}" if share >= _HUNDREDTH else "under 1%"


EVIDENCE = Evidence(
    proves=Proof.PART,
    relations=frozenset(
        {
            Relation.RE_ENCODED,
            Relation.MIRRORED,
            Relation.ROTATED,
            Relation.CROP,
            Relation.CONTAINS,
            Relation.EDITED,
        }
    ),
    relation=relation,
    words=words,
    scale=Scale.ODDS,
    # Fitted by scripts/fit_calibration.py.
    curve=Curve(seen=0.9710054453291085, middle=11.275723855867282, width=1.0),
)
