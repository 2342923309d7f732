"""The one public face: every service's routes, the images, and the merged search."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute

from ambience.gateway.legacy.front import add_legacy
from ambience.gateway.legacy.image_routes import legacy_image_routes
from ambience.gateway.legacy.schemas import FileNames
from ambience.gateway.legacy.service_routes import legacy_service_routes
from ambience.gateway.proxy import Proxy
from ambience.gateway.routes.backlog_routes import backlog_routes
from ambience.gateway.routes.file_routes import file_routes
from ambience.gateway.routes.image_routes import image_routes
from ambience.gateway.routes.search_routes import search_routes
from ambience.library.resources import Resources
from ambience.service import AnyService
from ambience.web.admission import DEFAULT_ADMISSION, Admission
from ambience.web.app import create_app
from ambience.web.forms import FormRoute


def create_gateway(
    parts: Resources,
    *,
    legacy: FileNames | None = None,
    admission: Admission = DEFAULT_ADMISSION,
) -> FastAPI:
    """Return the application that serves the gateway.

    Args:
        parts: What it is made of.
        legacy: How the original's routes name images; without, they are not served.
        admission: What clients may do.
    """
    claim = parts.writer.claim
    proxies = {
        service.name: Proxy(service, claim) for service in parts.services if service.url
    }

    def route_class(service: AnyService) -> type[APIRoute]:
        proxy = proxies.get(service.name)
        return FormRoute if proxy is None else proxy.route_class()

    @asynccontextmanager
    async def closing(_: FastAPI) -> AsyncIterator[None]:
        yield
        for proxy in proxies.values():
            await proxy.aclose()

    app = create_app(
        parts.services,
        limits=parts.limits,
        claim=claim,
        backlog=parts.backlog.states,
        route_class=route_class,
        admission=admission,
    )
    app.include_router(APIRouter(lifespan=closing))
    app.include_router(image_routes(parts))
    app.include_router(file_routes(parts))
    app.include_router(search_routes(parts))
    app.include_router(backlog_routes(parts))
    if legacy is not None:
        of_services = legacy_service_routes(
            parts.services,
            limits=parts.limits,
            claim=claim,
            names=legacy,
            at_gateway=True,
        )
        at_once = legacy_image_routes(parts, names=legacy)
        add_legacy(app, [*at_once, *of_services], for_pages=True)
    return app
