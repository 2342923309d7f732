"""The images we know: where each is, what it is, and which changes are under way."""

from ambience.catalog.catalog import Catalog
from ambience.catalog.journal import Journal, JournalEntry, Operation
from ambience.catalog.records import ImageRecord, KnownFile

__all__ = [
    "Catalog",
    "ImageRecord",
    "Journal",
    "JournalEntry",
    "KnownFile",
    "Operation",
]
