"""Adds images, one at a time or whole folders, completely or not at all."""

from ambience.ingest.file_check import FileCheck, FileReport
from ambience.ingest.folders import FoundFile, walk
from ambience.ingest.image_locks import ImageLocks
from ambience.ingest.import_report import Failure, Progress, Report
from ambience.ingest.importer import Importer
from ambience.ingest.incoming import Arrival
from ambience.ingest.originals import Originals
from ambience.ingest.writer import Writer

__all__ = [
    "Arrival",
    "Failure",
    "FileCheck",
    "FileReport",
    "FoundFile",
    "ImageLocks",
    "Importer",
    "Originals",
    "Progress",
    "Report",
    "Writer",
    "walk",
]
