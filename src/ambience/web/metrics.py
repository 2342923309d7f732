"""Metrics for Prometheus: requests, their durations, and the state of services."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ambience.service import AnyService
from ambience.service.backlog_state import BacklogState

Backlogs: TypeAlias = Callable[[], Mapping[str, BacklogState]]
"""Returns what waits for each service that holds images, by name."""


class Metrics:
    """The metrics of one application.

    Args:
        services: The services to report on.
        backlog: Returns what waits for each service; ``None`` if that is unknown.
    """

    def __init__(
        self, services: Sequence[AnyService], backlog: Backlogs | None = None
    ) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(_Services(services))
        if backlog is not None:
            self.registry.register(_Waiting(backlog))
        self.requests = Counter(
            "ambience_requests",
            "Requests answered.",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "ambience_request_seconds",
            "Time to answer a request.",
            ["method", "route"],
            registry=self.registry,
        )

    def text(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self.registry)


class MeasureRequests:
    """ASGI middleware that counts and times requests."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and measure it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start, status = time.perf_counter(), 500

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            # The template, not the path: each id in a label would create a new series.
            route = getattr(scope.get("route"), "path", "other")
            method = scope["method"]
            self._metrics.requests.labels(method, route, status).inc()
            took_s = time.perf_counter() - start
            self._metrics.seconds.labels(method, route).observe(took_s)


class _Services(Collector):
    """Reads the state of services whenever the metrics are requested."""

    def __init__(self, services: Sequence[AnyService]) -> None:
        self._services = services

    def collect(self) -> Iterator[GaugeMetricFamily]:
        available = GaugeMetricFamily(
            "ambience_service_available", "1 if it answers.", labels=["service"]
        )
        images = GaugeMetricFamily(
            "ambience_service_images", "Images stored.", labels=["service"]
        )
        lag = GaugeMetricFamily(
            "ambience_index_lag", "Changes not yet in the index.", labels=["service"]
        )
        for service in self._services:
            status = service.status()
            available.add_metric([service.name], float(status["available"]))
            if "count" in status:  # it stores images
                images.add_metric([service.name], status["count"])
                lag.add_metric([service.name], status["index"]["lag"])
        yield from (available, images, lag)


class _Waiting(Collector):
    """Reads what waits for services whenever the metrics are requested."""

    def __init__(self, backlog: Backlogs) -> None:
        self._backlog = backlog

    def collect(self) -> Iterator[GaugeMetricFamily]:
        missed = GaugeMetricFamily(
            "ambience_service_missed",
            "Images that it missed while it was down, and still has to get.",
            labels=["service"],
        )
        waiting = GaugeMetricFamily(
            "ambience_backlog_images",
            "Images that wait for it, either missed or put off.",
            labels=["service"],
        )
        stuck = GaugeMetricFamily(
            "ambience_backlog_stuck_images",
            "Images that it can't get as they are.",
            labels=["service"],
        )
        rate = GaugeMetricFamily(
            "ambience_backlog_images_per_second",
            "Images per second that it got in the last minute.",
            labels=["service"],
        )
        for name, state in self._backlog().items():
            missed.add_metric([name], state.missed)
            waiting.add_metric([name], state.waiting)
            stuck.add_metric([name], state.stuck)
            rate.add_metric([name], state.rate or 0.0)
        yield from (missed, waiting, stuck, rate)
