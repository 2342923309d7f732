"""The pages on which people look: browse, search, and see why something matches."""

from ambience.gallery.pages import pages

__all__ = ["pages"]
