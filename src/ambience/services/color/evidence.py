"""What the distance of two palettes can prove, and how that is said."""

from ambience.core.matches import Relation
from ambience.fusion import Curve, Evidence, Measured, Proof, Scale, Usual


def relation(_: Measured) -> Relation:
    """Return the one thing that palettes have to say."""
    return Relation.SIMILAR_COLORS


def words(_: Relation, measured: Measured) -> str:
    """Return how much of the palette is shared."""
    # L1 of two histograms is twice the share that they don't have in common.
    shared = 1 - measured["distance"] / 2
    return f"similar colors, {shared:.0%} of the palette shared"


EVIDENCE = Evidence(
    proves=Proof.LIKENESS,
    relations=frozenset({Relation.SIMILAR_COLORS}),
    relation=relation,
    words=words,
    scale=Scale.BACKGROUND,
    # Fitted by scripts/fit_calibration.py.
    curve=Curve(
        seen=0.5600948593875438, middle=-0.6604065451730339, width=0.6198985369719914
    ),
    usual=Usual(mean=1.5267814852184185, deviation=0.3843713322996833),
)
