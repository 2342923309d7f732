"""Lays one image over another, and tells copies from what only looks like one.

Hashes and keypoints find what may be a copy. Whether it is one, only the pixels say:
two pages of one layout share lines, letters and a logo, and yet hold other words.
"""

from ambience.overlay.overlay import Overlay, overlay
from ambience.overlay.verdict import Measure, Weights, likeness, same_picture

__all__ = ["Measure", "Overlay", "Weights", "likeness", "overlay", "same_picture"]
