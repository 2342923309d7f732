"""Creates the web application for one or more services."""

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute

from ambience import __version__
from ambience.imaging import Limits, shared_pool
from ambience.service import AnyService
from ambience.web.admission import DEFAULT_ADMISSION, Admission
from ambience.web.client_gone import ClientGone
from ambience.web.docs_page import docs_page
from ambience.web.forms import FormRoute
from ambience.web.head_requests import HeadRequests
from ambience.web.limits import UploadLimit
from ambience.web.metrics import Backlogs, MeasureRequests, Metrics
from ambience.web.openapi import document_problems
from ambience.web.origins import KnownOrigins
from ambience.web.problems import handle_problems, problem
from ambience.web.response_headers import ResponseHeaders
from ambience.web.schemas import JSON
from ambience.web.service_routes import ReserveId, service_routes
from ambience.web.uploads import UploadBudget

_AS_JSON: JSON = {"application/json": {"schema": {"type": "object"}}}


def create_app(  # noqa: PLR0913 -- all but one are passed by name
    services: Sequence[AnyService],
    *,
    limits: Limits,
    reserve_id: ReserveId = lambda _, __: None,
    backlog: Backlogs | None = None,
    route_class: Callable[[AnyService], type[APIRoute]] = lambda _: FormRoute,
    admission: Admission = DEFAULT_ADMISSION,
) -> FastAPI:
    """Return an application with each service under ``/api/{name}``.

    Args:
        services: The services.
        limits: The limits for images.
        reserve_id: See `ReserveId`; not needed where only callers choose ids.
        missed: Returns how many images each service missed; ``None`` if that is
            unknown.
        route_class: Returns the class of a service's routes.
        backlog: Says what waits for each service, where that is known.
        admission: What clients may do.
    """
    app = FastAPI(
        title="ambience",
        version=__version__,
        description="Find the original of any image, with proof of why it matches.",
        docs_url=None,  # both load scripts from the internet
        redoc_url=None,
    )
    app.state.uploads = UploadBudget(
        admission.upload_bytes, wait_s=admission.upload_wait_s
    )
    handle_problems(app)
    document_problems(app)
    metrics = Metrics(services, backlog)
    app.add_middleware(MeasureRequests, metrics=metrics)
    app.add_middleware(UploadLimit, max_bytes=limits.max_bytes)
    app.add_middleware(ClientGone)
    app.add_middleware(HeadRequests)
    app.add_middleware(KnownOrigins, allowed=admission.allowed_origins)
    app.add_middleware(ResponseHeaders)  # outermost, to include refusals
    for service in services:
        routes = service_routes(
            service, limits, reserve_id=reserve_id, route_class=route_class(service)
        )
        app.include_router(routes)

    app.include_router(docs_page(app.openapi))

    @app.get("/healthz", tags=["state"], response_model=JSON)
    async def healthz() -> Any:
        """Answer while the process works; 503 if no image can be decoded.

        This runs in the event loop, so it answers even if all threads are busy.
        """
        trouble = shared_pool().trouble(limits.max_decode_s)
        if trouble is not None:
            return problem(HTTPStatus.SERVICE_UNAVAILABLE, trouble)
        return {"status": "alive"}

    @app.get(
        "/readyz",
        tags=["state"],
        responses={
            503: {"description": "No service is available.", "content": _AS_JSON}
        },
    )
    def readyz() -> JSONResponse:
        """List unavailable services; 503 if all are, or no image can be decoded."""
        trouble = shared_pool().trouble(limits.max_decode_s)
        states = [service.status() for service in services]
        ready = trouble is None and any(state["available"] for state in states)
        status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
        body = {
            "status": "ready" if ready else "not ready",
            "unavailable": [
                {"service": state["name"], "reason": state["reason"]}
                for state in states
                if not state["available"]
            ],
            "decoding": trouble,
        }
        return JSONResponse(body, status_code=status)

    @app.get(
        "/metrics",
        tags=["state"],
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    def numbers() -> Response:
        """Return metrics for Prometheus."""
        return Response(metrics.text(), media_type="text/plain; version=0.0.4")

    return app
