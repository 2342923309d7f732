"""Merges what services say into one answer: relation, score and evidence."""

from ambience.fusion.belief import Belief
from ambience.fusion.calibration import Calibration, Usual, loaded, shipped
from ambience.fusion.curves import SCALES, Curve, Scale, read
from ambience.fusion.fitting import Tried, fitted
from ambience.fusion.merge import fuse
from ambience.fusion.relations import COPIES, MIN_SCORE, claim
from ambience.fusion.summary import summary

__all__ = [
    "COPIES",
    "MIN_SCORE",
    "SCALES",
    "Belief",
    "Calibration",
    "Curve",
    "Scale",
    "Tried",
    "Usual",
    "claim",
    "fitted",
    "fuse",
    "loaded",
    "read",
    "shipped",
    "summary",
]
