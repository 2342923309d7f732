"""Brings images in: one at a time or whole folders, all of it or nothing."""

from ambience.ingest.anew import extract_anew
from ambience.ingest.folders import FoundFile, walk
from ambience.ingest.importer import Importer, Progress, Report
from ambience.ingest.originals import Originals
from ambience.ingest.writer import Arrival, Sink, Writer

__all__ = [
    "Arrival",
    "FoundFile",
    "Importer",
    "Originals",
    "Progress",
    "Report",
    "Sink",
    "Writer",
    "extract_anew",
    "walk",
]
