"""Brings services up to date with the catalog, and the catalog with the files."""

from ambience.sync.backlog import Backlog
from ambience.sync.catch_up import CatchUp
from ambience.sync.comparison import Comparison, Differences
from ambience.sync.made_up import MadeUp
from ambience.sync.repair import Repairer
from ambience.sync.strays import StrayReport, Strays

__all__ = [
    "Backlog",
    "CatchUp",
    "Comparison",
    "Differences",
    "MadeUp",
    "Repairer",
    "StrayReport",
    "Strays",
]
