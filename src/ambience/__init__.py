"""Self-hosted image retrieval: drop in an image, get the originals back with proof."""

__version__ = "0.1.0"

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ambience.library.library import Library as Library

__all__ = ["Library", "__version__"]


def __getattr__(name: str) -> Any:
    """Import the library when it is asked for: the command line starts without it."""
    if name == "Library":
        return import_module("ambience.library.library").Library
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
