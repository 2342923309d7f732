"""``ambience serve``: serves everything on one port, or single services."""

import argparse
import ipaddress
import logging
import socket
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ambience import gallery, registry
from ambience.catalog import Catalog
from ambience.cli.allocator import bound_arenas
from ambience.cli.http_server import DECODE_S, bound, say_ready, serve
from ambience.cli.logs import set_up_logs
from ambience.cli.open_files import raise_open_files_limit
from ambience.cli.options import settings_from
from ambience.cli.output import print_json, progress_bar, report_json, report_lines
from ambience.cli.samples import SAMPLES_FOLDER, sample_photographs
from ambience.cli.terminal_text import shown
from ambience.core.errors import AmbienceError, BadParameterError
from ambience.core.settings import Settings
from ambience.core.stoppable_thread import StoppableThread
from ambience.gateway.app import create_gateway, legacy_names
from ambience.gateway.legacy.annotation_routes import annotation_routes
from ambience.gateway.legacy.routing import add_greeting, add_legacy
from ambience.gateway.legacy.service_routes import legacy_service_routes
from ambience.imaging import shared_pool, stop_decoding
from ambience.ingest import Progress
from ambience.ingest.folders import absolute
from ambience.library.data_folder import data_folder, in_use, is_readonly
from ambience.library.library import Library
from ambience.library.opened_services import open_services
from ambience.library.settings_values import limits_from
from ambience.web.admission import admission_from
from ambience.web.app import create_app
from ambience.web.hosts import KnownHosts

_log = logging.getLogger(__name__)


def run(options: argparse.Namespace) -> int:
    """Serve until the process is stopped."""
    set_up_logs()
    bound_arenas()
    raise_open_files_limit()
    tempfile.gettempdir()  # looked up now, while files can still be opened
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
    data = data_folder(settings, to_write=False)
    _warn_if_readonly(data)
    limits = limits_from(settings)
    with (
        bound(settings.host, port) as listener,
        in_use(settings, data) as (database, _),
    ):
        services = open_services(settings, data, options.services)
        try:
            admission = admission_from(settings)
            app = create_app(services, limits=limits, admission=admission)
            names = legacy_names(settings, Catalog(database))
            if names is not None:
                routes = legacy_service_routes(services, limits=limits, names=names)
                add_legacy(app, [*routes, *annotation_routes(services, limits=limits)])
                add_greeting(app)
            guarded = _guarded(app, settings, listener)
            serve(
                guarded,
                listener,
                lambda: say_ready(listener, as_json=options.json),
                limits=settings.server,
            )
        finally:
            for service in services:
                service.close()
    return 0


def _serve_everything(
    options: argparse.Namespace, settings: Settings, folders: Sequence[Path]
) -> int:
    data = data_folder(settings, to_write=bool(folders))
    _warn_if_readonly(data)
    with (
        bound(settings.host, settings.port) as listener,
        Library.of(settings, alone=_is_alone(settings, listener)) as library,
    ):
        app = create_gateway(library, settings)
        catch_up = library.components.catch_up
        startup_import = _StartupImport(library, folders, as_json=options.json)
        app.include_router(gallery.pages(startup_import.progress))
        try:

            def on_ready() -> None:
                say_ready(listener, as_json=options.json)
                startup_import.start()
                if not library.components.readonly:
                    catch_up.start()

            guarded = _guarded(app, settings, listener)
            serve(guarded, listener, on_ready, limits=settings.server)
        finally:
            with stop_decoding(within_s=DECODE_S):
                startup_import.stop()
                catch_up.stop()
    return 0


def _warn_if_readonly(data: Path) -> None:
    if is_readonly(data):
        _log.warning(
            "the data folder %s is read-only: you can search and browse, but not add, "
            "replace or delete images",
            data,
        )


class _StartupImport:
    """Imports folders while the server already answers."""

    def __init__(
        self, library: Library, folders: Sequence[Path], *, as_json: bool
    ) -> None:
        self._library = library
        self._folders = folders
        self._as_json = as_json
        self._thread = StoppableThread("import", self._run)
        self._progress: Progress | None = None

    def progress(self) -> Progress | None:
        """Return the progress; ``None`` if nothing is being imported."""
        return self._progress if self._thread.is_at_work else None

    def start(self) -> None:
        """Start, if there are folders to import."""
        if self._folders:
            self._thread.start()

    def stop(self) -> None:
        """Stop after the images in progress."""
        self._thread.stop()

    def _run(self, stop: threading.Event) -> None:
        try:
            with progress_bar("importing", quiet=self._as_json) as show:

                def on_progress(progress: Progress) -> None:
                    self._progress = progress
                    show(progress)

                report = self._library.add_folder(
                    *self._folders, on_progress=on_progress, stop=stop, wait=False
                )
        except (AmbienceError, OSError) as error:
            print(
                f"ambience: the import stopped early: {shown(error)}", file=sys.stderr
            )
            return
        if self._as_json:
            print_json({"import": report_json(report)})
        else:
            print("\n".join(report_lines(report)), file=sys.stderr)


def _is_alone(settings: Settings, listener: socket.socket) -> bool:
    """Tell whether only this machine can send requests."""
    # If other names are allowed, a proxy on this machine may pass on others' requests.
    return _is_loopback(listener) and not settings.allowed_hosts


def _is_loopback(listener: socket.socket) -> bool:
    return ipaddress.ip_address(listener.getsockname()[0]).is_loopback


def _guarded(app: Any, settings: Settings, listener: socket.socket) -> Any:
    """Refuse unknown host names if only this machine should get answers."""
    if _is_loopback(listener) or settings.allowed_hosts:
        return KnownHosts(app, hosts=(settings.host, *settings.allowed_hosts))
    return app
