"""The address of the HTTP API."""

from typing import Final

API: Final = "/api"
"""The prefix of every route for programs, except health and metrics, which other
software expects at the root. The rest of the root is for pages."""
