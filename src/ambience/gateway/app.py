"""The one public face: every service's routes, the images, and the merged search."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute

from ambience.catalog import Catalog
from ambience.core.settings import Settings
from ambience.gateway.legacy.annotation_routes import annotation_routes
from ambience.gateway.legacy.front import add_legacy
from ambience.gateway.legacy.image_routes import legacy_image_routes
from ambience.gateway.legacy.schemas import FileNames
from ambience.gateway.legacy.service_routes import legacy_service_routes
from ambience.gateway.proxy import Proxy
from ambience.gateway.routes.backlog_routes import backlog_routes
from ambience.gateway.routes.file_routes import file_routes
from ambience.gateway.routes.image_routes import image_routes
from ambience.gateway.routes.search_routes import search_routes
from ambience.library.library import Library
from ambience.service import AnyService
from ambience.web.admission import admission_from
from ambience.web.app import create_app
from ambience.web.forms import FormRoute


def create_gateway(library: Library, settings: Settings) -> FastAPI:
    """Return the application that serves the gateway.

    Args:
        library: What it serves; open as long as it is served.
        settings: Say what clients may do, and whether the original's routes are there.
    """
    services, limits = library.components.services, library.components.limits
    reserve_id = library.components.writer.claim
    proxies = {
        service.name: Proxy(service, reserve_id) for service in services if service.url
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
        services,
        limits=limits,
        reserve_id=reserve_id,
        backlog=library.components.backlog.states,
        route_class=route_class,
        admission=admission_from(settings),
    )
    app.include_router(APIRouter(lifespan=closing))
    app.include_router(image_routes(library))
    app.include_router(file_routes(library))
    app.include_router(search_routes(library))
    app.include_router(backlog_routes(library))
    names = legacy_names(settings, library.components.catalog)
    if names is not None:
        of_services = legacy_service_routes(
            services, limits=limits, reserve_id=reserve_id, names=names, at_gateway=True
        )
        at_once = legacy_image_routes(library.components, names=names)
        said = annotation_routes(services, limits=limits, at_gateway=True)
        add_legacy(app, [*at_once, *of_services, *said], for_pages=True)
    return app


def legacy_names(settings: Settings, catalog: Catalog) -> FileNames | None:
    """Return how the original's routes name images, ``None`` if they are not served."""
    if not settings.legacy_routes:
        return None
    return FileNames(catalog, shown=settings.legacy_file_names)
