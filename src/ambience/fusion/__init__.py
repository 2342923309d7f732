"""Merges the answers of services into one list with relation, score and evidence."""

from ambience.fusion.belief import Belief
from ambience.fusion.calibration import NOTHING_LEARNED, Calibration, Learned
from ambience.fusion.curves import Curve, Scale, UsualBackground, scaled_distance
from ambience.fusion.evidence import Evidence, Measured, Measures, Proof
from ambience.fusion.fitting import Observations, fitted_curve
from ambience.fusion.merge import fuse, fused_match
from ambience.fusion.relations import (
    FILE,
    MIN_SCORE,
    OVERLAY,
    PIXELS,
    Claim,
    claim,
)

__all__ = [
    "FILE",
    "MIN_SCORE",
    "NOTHING_LEARNED",
    "OVERLAY",
    "PIXELS",
    "Belief",
    "Calibration",
    "Claim",
    "Curve",
    "Evidence",
    "Learned",
    "Measured",
    "Measures",
    "Observations",
    "Proof",
    "Scale",
    "UsualBackground",
    "claim",
    "fitted_curve",
    "fuse",
    "fused_match",
    "scaled_distance",
]
