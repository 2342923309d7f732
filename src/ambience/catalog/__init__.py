"""The images we know, the changes under way, and what services have missed."""

from ambience.catalog.catalog import Catalog
from ambience.catalog.journal import Begun, Journal, JournalEntry, Operation
from ambience.catalog.lone_images import LoneImages
from ambience.catalog.missed import Missed, Reach, Tally
from ambience.catalog.positions import Positions
from ambience.catalog.records import ImageRecord, KnownFile

__all__ = [
    "Begun",
    "Catalog",
    "ImageRecord",
    "Journal",
    "JournalEntry",
    "KnownFile",
    "LoneImages",
    "Missed",
    "Operation",
    "Positions",
    "Reach",
    "Tally",
]
