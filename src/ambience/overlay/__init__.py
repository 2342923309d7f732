"""Lays one image over another to tell copies from images that only look like one.

Hashes and keypoints find images that may be copies. Only the pixels tell whether they
are: two pages with the same layout share lines, letters and a logo, but not the text.
"""

from ambience.overlay.overlay import Overlay, overlay
from ambience.overlay.verdict import OverlayMeasure, Weights, likeness, same_picture

__all__ = [
    "Overlay",
    "OverlayMeasure",
    "Weights",
    "likeness",
    "overlay",
    "same_picture",
]
