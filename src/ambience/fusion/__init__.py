"""Merges what services say into one answer: relation, score and evidence."""

from ambience.fusion.belief import Belief
from ambience.fusion.calibration import NOTHING_LEARNED, Calibration, Learned, loaded
from ambience.fusion.curves import Curve, Scale, Usual, read
from ambience.fusion.evidence import Evidence, Measured, Measures, Proof
from ambience.fusion.fitting import Tried, fitted
from ambience.fusion.merge import fuse, fused_match
from ambience.fusion.relations import (
    FILE,
    MIN_SCORE,
    OVERLAY,
    PIXELS,
    Claimed,
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
    "Claimed",
    "Curve",
    "Evidence",
    "Learned",
    "Measured",
    "Measures",
    "Proof",
    "Scale",
    "Tried",
    "Usual",
    "claim",
    "fitted",
    "fuse",
    "fused_match",
    "loaded",
    "read",
]
