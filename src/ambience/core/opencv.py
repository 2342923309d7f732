"""OpenCV, loaded by who first needs it."""

from threading import Lock
from typing import Any

# OpenCV takes itself out of the loaded modules while it loads: a second thread that
# asks for it just then fails with a KeyError.
_loading = Lock()


def opencv() -> Any:
    """Return the library; untyped, as its stubs know too few kinds of arrays."""
    with _loading:
        import cv2

    return cv2
