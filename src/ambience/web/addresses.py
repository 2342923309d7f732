"""Where the HTTP API stands, which the root of a server leaves to pages."""

from typing import Final

API: Final = "/api"
"""Begins the path of every route that programs use, but for health and metrics, whose
names other software expects at the root."""
