"""``ambience serve``: the gateway, the gallery and all services, or single ones."""

import argparse
import ipaddress
import logging
import signal
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import uvicorn

from ambience import gallery, registry
from ambience.catalog import Catalog
from ambience.cli.learning import BackgroundLearning
from ambience.cli.output import print_json, progress_bar, report_json, report_lines
from ambience.cli.samples import SAMPLES_FOLDER, sample_photographs
from ambience.cli.system import (
    CALIBRATION_FILE,
    System,
    data_folder,
    fetcher_from,
    in_use,
    limits_from,
    open_backends,
    settings_from,
)
from ambience.core.background import Background
from ambience.core.errors import AmbienceError, BadParameterError
from ambience.core.settings import Settings
from ambience.gateway.app import create_gateway
from ambience.gateway.fetching import Fetcher
from ambience.gateway.legacy import legacy_service_routes
from ambience.gateway.legacy_schemas import FileNames
from ambience.imaging import decoding_ends, shared_pool
from ambience.ingest import Progress
from ambience.ingest.folders import absolute
from ambience.web.app import create_app
from ambience.web.hosts import KnownHosts

_DECODE_S = 2.0  # how long images in work may then take to be decoded
_STOP_S = 5  # how long answers under way may take once the process is asked to stop

_log = logging.getLogger(__name__)


def run(options: argparse.Namespace) -> int:
    """Serve until told to stop."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    settings = settings_from(options)
    shared_pool().warm_up()
    if options.services:
        return _serve_services(options, settings)
    folders = absolute(options.folders)
    if options.samples:
        folders += sample_photographs()
        apart = data_folder(settings) / SAMPLES_FOLDER
        settings = settings.model_copy(update={"data": apart})
    return _serve_everything(options, settings, folders)


def _serve_services(options: argparse.Namespace, settings: Settings) -> int:
    if options.folders or options.samples:
        raise BadParameterError(
            "--import and --samples need the gateway: leave out the service names"
        )
    port = options.port
    if port is None:
        port = registry.load(options.services[0]).port
    data = data_folder(settings)
    limits = limits_from(settings)
    with (
        _bound(settings.host, port) as listener,
        in_use(data) as (database, _),
    ):
        backends = open_backends(settings, data, options.services)
        try:
            app = create_app(backends, limits=limits)
            names = _legacy(settings, Catalog(database))
            if names is not None:
                app.include_router(
                    legacy_service_routes(backends, limits=limits, names=names)
                )
            guarded = _guarded(app, settings, listener)
            _serve(
                guarded, listener, lambda: _say_ready(listener, as_json=options.json)
            )
        finally:
            for backend in backends:
                backend.close()
    return 0


def _serve_everything(
    options: argparse.Namespace, settings: Settings, folders: Sequence[Path]
) -> int:
    with (
        _bound(settings.host, settings.port) as listener,
        System.open(settings, fetcher=_fetcher(settings, listener)) as system,
    ):
        legacy = _legacy(settings, system.parts.catalog)
        app = create_gateway(system.parts, legacy=legacy)
        background = _BackgroundImport(system, folders, as_json=options.json)
        file = data_folder(settings) / CALIBRATION_FILE
        learning = BackgroundLearning(system.parts, file)
        app.include_router(gallery.pages(background.progress))
        try:

            def on_ready() -> None:
                _say_ready(listener, as_json=options.json)
                background.start()
                learning.start()
                system.upkeep.start()

            _serve(_guarded(app, settings, listener), listener, on_ready)
        finally:
            with decoding_ends(within_s=_DECODE_S):
                background.stop()
                learning.stop()
                system.upkeep.stop()
    return 0


def _legacy(settings: Settings, catalog: Catalog) -> FileNames | None:
    """Return how the original's routes name images, ``None`` if they are not served."""
    if not settings.legacy_routes:
        return None
    return FileNames(catalog, shown=settings.legacy_file_names)


class _BackgroundImport:
    """Imports folders while the server already answers."""

    def __init__(
        self, system: System, folders: Sequence[Path], *, as_json: bool
    ) -> None:
        self._system = system
        self._folders = folders
        self._as_json = as_json
        self._background = Background("import", self._run)
        self._progress: Progress | None = None

    def progress(self) -> Progress | None:
        """Return how far it is, ``None`` when nothing is being imported."""
        return self._progress if self._background.is_at_work else None

    def start(self) -> None:
        """Begin, if there is anything to import."""
        if self._folders:
            self._background.start()

    def stop(self) -> None:
        """End after the images in work."""
        self._background.stop()

    def _run(self, stop: threading.Event) -> None:
        try:
            with progress_bar("importing", quiet=self._as_json) as show:

                def on_progress(progress: Progress) -> None:
                    self._progress = progress
                    show(progress)

                report = self._system.importer.run(
                    self._folders, on_progress=on_progress, stop=stop
                )
        except (AmbienceError, OSError) as error:
            print(f"ambience: the import ended early: {error}", file=sys.stderr)
            return
        if self._as_json:
            print_json({"import": report_json(report)})
        else:
            print("\n".join(report_lines(report)), file=sys.stderr)


def _fetcher(settings: Settings, listener: socket.socket) -> Fetcher | None:
    """Return what fetches images: for others than this machine only if that is set."""
    # Another name is allowed where a proxy on this machine hands on what others ask.
    alone = _is_loopback(listener) and not settings.allowed_hosts
    return fetcher_from(settings, alone=alone)


def _is_loopback(listener: socket.socket) -> bool:
    return ipaddress.ip_address(listener.getsockname()[0]).is_loopback


def _guarded(app: Any, settings: Settings, listener: socket.socket) -> Any:
    """Refuse names that are not ours, where only this machine should get answers."""
    if _is_loopback(listener) or settings.allowed_hosts:
        return KnownHosts(app, hosts=(settings.host, *settings.allowed_hosts))
    return app


class _Server(uvicorn.Server):
    """A server that says when it answers."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], object]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop; who waits for an image that takes too long is told so."""
        with decoding_ends(within_s=_DECODE_S):
            await super().shutdown(sockets)


def _serve(app: Any, listener: socket.socket, on_ready: Callable[[], object]) -> None:
    config = uvicorn.Config(
        app, log_level="warning", timeout_graceful_shutdown=_STOP_S, lifespan="on"
    )
    server = _Server(config, on_ready)
    # Once the server has stopped, it sends itself the signal again, for this handler:
    # what is open is then closed in order instead of being cut off.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        server.run(sockets=[listener])
    except KeyboardInterrupt:
        _log.info("stopped")


def _bound(host: str, port: int) -> socket.socket:
    """Take the port before anything is opened, so that a clash is said at once."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named, as asyncio sends small answers at once only where it is.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise BadParameterError(
            f"port {port} at {host} can't be served at ({error.strerror}): choose "
            "another with --port"
        ) from error
    return listener


def _say_ready(listener: socket.socket, *, as_json: bool) -> None:
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    address = f"http://{shown}:{port}"
    if as_json:
        print_json({"ready": address})
    else:
        print(f"ambience is ready at {address}", flush=True)
