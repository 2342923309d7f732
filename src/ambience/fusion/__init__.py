"""Merges what services say into one answer: relation, score and evidence."""

from ambience.fusion.merge import MIN_SCORE, fuse
from ambience.fusion.relations import COPIES, claim
from ambience.fusion.words import summary

__all__ = ["COPIES", "MIN_SCORE", "claim", "fuse", "summary"]
