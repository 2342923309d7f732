"""The gateway's application over a library, as ``ambience serve`` makes it."""

from fastapi import FastAPI

from ambience.core.settings import load_settings
from ambience.gateway.app import create_gateway
from ambience.library.library import Library


def gateway_app(library: Library, **settings: object) -> FastAPI:
    """Return the application, given the settings that a test is about."""
    return create_gateway(library, load_settings(**settings))
