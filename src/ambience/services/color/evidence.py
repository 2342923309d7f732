"""What the distance of two palettes proves, and its description."""

from ambience.core.matches import Relation
from ambience.fusion import Curve, Evidence, Measured, Proof, Scale, UsualBackground


def relation(_: Measured) -> Relation:
    """Return the only relation that palettes can claim."""
    return Relation.SIMILAR_COLORS


def hellinger_words(_: Relation, measured: Measured) -> str:
    """Describe a claim with how well the palettes agree."""
    # One minus the square is the Bhattacharyya coefficient: 1 for equal histograms, 0
    # for histograms with no color in common.
    agreeing = 1 - measured["distance"] ** 2
    return f"similar colors, the palettes agree to {agreeing:.0%}"


def l1_words(_: Relation, measured: Measured) -> str:
    """Describe a claim with how much of the palette is shared."""
    # The L1 distance is twice the share that they don't have in common.
    shared = 1 - measured["distance"] / 2
    return f"similar colors, {shared:.0%} of the palette shared"


# Both curves are fitted by scripts/fit_calibration.py.
HELLINGER = Evidence(
    proves=Proof.LIKENESS,
    relations=frozenset({Relation.SIMILAR_COLORS}),
    relation=relation,
    words=hellinger_words,
    scale=Scale.BACKGROUND,
    curve=Curve(
        seen=0.6323657089798265, middle=0.6754506443519179, width=0.7466136338619592
    ),
    usual=UsualBackground(mean=0.7367201297526073, deviation=0.16899033795084503),
    version=2,
)

L1 = Evidence(
    proves=Proof.LIKENESS,
    relations=frozenset({Relation.SIMILAR_COLORS}),
    relation=relation,
    words=l1_words,
    scale=Scale.BACKGROUND,
    curve=Curve(
        seen=0.5600948593875438, middle=-0.6604065451730339, width=0.6198985369719914
    ),
    usual=UsualBackground(mean=1.5267814852184185, deviation=0.3843713322996833),
)
