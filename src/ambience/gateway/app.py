"""The one public face: every service's routes, the images, and the merged search."""

from fastapi import FastAPI

from ambience.gateway.file_routes import file_routes
from ambience.gateway.image_routes import image_routes
from ambience.gateway.parts import Parts
from ambience.gateway.search_routes import search_routes
from ambience.web.app import create_app


def create_gateway(parts: Parts) -> FastAPI:
    """Return the application that serves the gateway."""
    app = create_app(parts.backends, limits=parts.limits, claim=parts.catalog.claim_id)
    app.include_router(image_routes(parts))
    app.include_router(file_routes(parts))
    app.include_router(search_routes(parts))
    return app
