"""Serves an application on a port until the process is stopped."""

import logging
import signal
import socket
import time
from collections.abc import Callable
from typing import Any

import uvicorn

from ambience.cli.client_connections import ClientConnection, LimitedConfig
from ambience.cli.output import print_json
from ambience.core.errors import BadParameterError
from ambience.core.settings import ServerSettings
from ambience.imaging import stop_decoding

DECODE_S = 2.0  # time for images in progress, once the process is asked to stop
_STOP_S = 5  # seconds for answers in progress, once the process is asked to stop

_log = logging.getLogger(__name__)


class Server(uvicorn.Server):
    """A server that says when it is ready, and checks its connections."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], object]) -> None:
        super().__init__(config)
        self._on_ready = on_ready
        self._checked = time.monotonic()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then call ``on_ready``."""
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop; requests that wait for a slow image get an error."""
        with stop_decoding(within_s=DECODE_S):
            await super().shutdown(sockets)

    async def on_tick(self, counter: int) -> bool:
        """See `uvicorn.Server`; called ten times a second."""
        now = time.monotonic()
        for connection in list(self.server_state.connections):
            if isinstance(connection, ClientConnection):
                connection.check(now - self._checked)
        self._checked = now
        return await super().on_tick(counter)


def serve(
    app: Any,
    listener: socket.socket,
    on_ready: Callable[[], object],
    *,
    limits: ServerSettings,
) -> None:
    """Serve until the process is asked to stop.

    Args:
        app: The ASGI application.
        listener: See `bound`.
        on_ready: Called once requests are answered.
        limits: The limits for clients.
    """
    config = LimitedConfig(
        app,
        limits=limits,
        log_config=None,  # its own handlers are unbounded
        log_level="warning",
        timeout_graceful_shutdown=_STOP_S,
        lifespan="on",
    )
    server = Server(config, on_ready)
    # After the server has stopped, uvicorn raises the signal again. With this handler,
    # everything that is open is then closed in order.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        server.run(sockets=[listener])
    except KeyboardInterrupt:
        _log.info("stopped")


def bound(host: str, port: int) -> socket.socket:
    """Bind a port, before anything else is opened, so that a conflict fails at once.

    Raises:
        BadParameterError: If the port is not available.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sends small answers without delay only if the protocol is named.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise BadParameterError(
            f"port {port} at {host} is not available ({error.strerror}): choose "
            "another with --port"
        ) from error
    return listener


def say_ready(listener: socket.socket, *, as_json: bool) -> None:
    """Print the address of the server."""
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    address = f"http://{shown}:{port}"
    if as_json:
        print_json({"ready": address})
    else:
        print(f"ambience is ready at {address}", flush=True)
