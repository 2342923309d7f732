"""The ``ambience`` command."""

from ambience.cli.main import main

__all__ = ["main"]
