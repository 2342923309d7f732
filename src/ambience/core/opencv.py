"""Loads OpenCV when it is first needed."""

from threading import Lock
from typing import Any

# While OpenCV loads, it removes itself from the loaded modules for a moment: a second
# thread that imports it just then fails with a KeyError.
_loading = Lock()


def opencv() -> Any:
    """Return the library, untyped because its stubs reject valid arrays."""
    with _loading:
        import cv2

    return cv2
