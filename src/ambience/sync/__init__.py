"""Brings services up to date with the catalog, and the catalog with the files."""

from ambience.sync.catch_up import CatchUp
from ambience.sync.comparison import Comparison, Differences
from ambience.sync.repair import MadeUp, Repairer
from ambience.sync.strays import StrayReport, Strays

__all__ = [
    "CatchUp",
    "Comparison",
    "Differences",
    "MadeUp",
    "Repairer",
    "StrayReport",
    "Strays",
]
