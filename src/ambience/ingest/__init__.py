"""Brings images in: one at a time or whole folders, all of it or nothing."""

from ambience.ingest.alone import Alone
from ambience.ingest.arrivals import Arrival
from ambience.ingest.comparison import Comparison, Differences, Held
from ambience.ingest.files import FileCheck, FileReport
from ambience.ingest.folders import FoundFile, walk
from ambience.ingest.importer import Failure, Importer, Progress, Report
from ambience.ingest.originals import Originals
from ambience.ingest.repair import MadeUp, Repairer
from ambience.ingest.sinks import Sink
from ambience.ingest.strays import StrayReport, Strays
from ambience.ingest.upkeep import Upkeep
from ambience.ingest.writer import Writer

__all__ = [
    "Alone",
    "Arrival",
    "Comparison",
    "Differences",
    "Failure",
    "FileCheck",
    "FileReport",
    "FoundFile",
    "Held",
    "Importer",
    "MadeUp",
    "Originals",
    "Progress",
    "Repairer",
    "Report",
    "Sink",
    "StrayReport",
    "Strays",
    "Upkeep",
    "Writer",
    "walk",
]
