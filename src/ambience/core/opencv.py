"""Loads OpenCV when it is first needed."""

from threading import Lock
from typing import Any

# While it loads, OpenCV removes itself from the loaded modules for a moment. A second
# thread that imports it just then gets a KeyError.
_loading = Lock()


def opencv() -> Any:
    """Return the library, untyped because its stubs reject valid arrays."""
    with _loading:
        import cv2

    return cv2
