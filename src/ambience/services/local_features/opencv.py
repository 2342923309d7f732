"""OpenCV, loaded by who first needs it."""

from typing import Any


def opencv() -> Any:
    """Return the library; untyped, as its stubs know too few kinds of arrays."""
    import cv2

    return cv2
