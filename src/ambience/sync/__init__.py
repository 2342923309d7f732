"""Makes services agree with the catalog, and the catalog with the files."""

from ambience.sync.backlog import Backlog
from ambience.sync.catch_up import CatchUp
from ambience.sync.comparison import Comparison, Differences
from ambience.sync.repair import Repairer
from ambience.sync.strays import StrayReport, Strays
from ambience.sync.work_done import WorkDone

__all__ = [
    "Backlog",
    "CatchUp",
    "Comparison",
    "Differences",
    "Repairer",
    "StrayReport",
    "Strays",
    "WorkDone",
]
