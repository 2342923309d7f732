"""The images we know, the changes under way, and what services missed of them."""

from ambience.catalog.catalog import Catalog
from ambience.catalog.journal import Journal, JournalEntry, Operation
from ambience.catalog.missed import Missed, Reach
from ambience.catalog.records import ImageRecord, KnownFile

__all__ = [
    "Catalog",
    "ImageRecord",
    "Journal",
    "JournalEntry",
    "KnownFile",
    "Missed",
    "Operation",
    "Reach",
]
