"""A small library whose services can be switched off."""

from tests.ingest.conftest import color, house

__all__ = ["color", "house"]
