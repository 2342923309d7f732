"""Merges what services say into one answer: relation, score and evidence."""

from ambience.fusion.merge import fuse
from ambience.fusion.relations import COPIES, MIN_SCORE, claim
from ambience.fusion.words import summary

__all__ = ["COPIES", "MIN_SCORE", "claim", "fuse", "summary"]
