"""Decides which claim the evidence on one image carries, and how sure it is.

From the strongest claim to the weakest, the first that fits:

1. ``same_file``: the bytes of the query and of the image are equal.
2. ``same_pixels``: both decode to the same pixels.
3. ``re_encoded``: the perceptual hashes agree as they stand.
4. ``mirrored``: they agree once the query is mirrored (and perhaps turned).
5. ``rotated``: they agree once the query is turned by quarters.
6. ``similar_colors``: the color histograms overlap.

A hash or histogram that is too far away carries no claim at all.
"""

from collections.abc import Mapping
from typing import Any

from ambience.core.matches import Relation
from ambience.core.orientation import Orientation
from ambience.fusion.calibration import SAME_IMAGE, SIMILAR_COLORS

MIN_SCORE = 0.5
"""Below, a claim is more likely false than true: it is not made."""

Evidence = Mapping[str, Mapping[str, Any]]
"""What is known of one image: by service name, and under ``file`` and ``pixels``."""

COPIES = frozenset(
    {
        Relation.SAME_FILE,
        Relation.SAME_PIXELS,
        Relation.RE_ENCODED,
        Relation.MIRRORED,
        Relation.ROTATED,
    }
)
"""The relations that say: this is the same picture."""


def claim(evidence: Evidence) -> tuple[Relation, float] | None:
    """Return the strongest claim that evidence carries, with its probability.

    Returns:
        ``None`` if it carries none.
    """
    if "file" in evidence:
        return Relation.SAME_FILE, 1.0
    if "pixels" in evidence:
        return Relation.SAME_PIXELS, 1.0
    claims = [_claim_of_hash(evidence), _claim_of_colors(evidence)]
    return max(
        (found for found in claims if found is not None),
        key=lambda found: (found[1] >= MIN_SCORE, found[0] in COPIES, found[1]),
        default=None,
    )


def _claim_of_hash(evidence: Evidence) -> tuple[Relation, float] | None:
    if "phash" not in evidence:
        return None
    phash = evidence["phash"]
    orientation = Orientation(phash["orientation"])
    if orientation is Orientation.UPRIGHT:
        relation = Relation.RE_ENCODED
    elif orientation.mirrors:
        relation = Relation.MIRRORED
    else:
        relation = Relation.ROTATED
    return relation, SAME_IMAGE(phash["distance"])


def _claim_of_colors(evidence: Evidence) -> tuple[Relation, float] | None:
    if "color" not in evidence:
        return None
    return Relation.SIMILAR_COLORS, SIMILAR_COLORS(evidence["color"]["distance"])
