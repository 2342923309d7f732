"""Serves an application at a port, within limits, until it is told to stop."""

import logging
import signal
import socket
import time
from collections.abc import Callable
from typing import Any

import uvicorn

from ambience.cli.connections import Connection, Limited
from ambience.cli.output import print_json
from ambience.core.errors import BadParameterError
from ambience.core.settings import ServerSettings
from ambience.imaging import decoding_ends

DECODE_S = 2.0  # how long images in work may take once the process is asked to stop
_STOP_S = 5  # how long answers under way may take once the process is asked to stop

_log = logging.getLogger(__name__)


class Server(uvicorn.Server):
    """A server that says when it answers, and looks after its connections."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], object]) -> None:
        super().__init__(config)
        self._on_ready = on_ready
        self._looked = time.monotonic()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop; who waits for an image that takes too long is told so."""
        with decoding_ends(within_s=DECODE_S):
            await super().shutdown(sockets)

    async def on_tick(self, counter: int) -> bool:
        """See `uvicorn.Server`; called ten times a second."""
        now = time.monotonic()
        for connection in list(self.server_state.connections):
            if isinstance(connection, Connection):
                connection.look(now - self._looked)
        self._looked = now
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
        app: What answers.
        listener: See `bound`.
        on_ready: Called once it answers.
        limits: What clients may cost.
    """
    config = Limited(
        app,
        limits=limits,
        log_config=None,  # its own handlers repeat without bound
        log_level="warning",
        timeout_graceful_shutdown=_STOP_S,
        lifespan="on",
    )
    server = Server(config, on_ready)
    # Once the server has stopped, it sends itself the signal again, for this handler:
    # what is open is then closed in order instead of being cut off.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        server.run(sockets=[listener])
    except KeyboardInterrupt:
        _log.info("stopped")


def bound(host: str, port: int) -> socket.socket:
    """Take the port before anything is opened, so that a clash is said at once.

    Raises:
        BadParameterError: If it can't be had.
    """
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


def say_ready(listener: socket.socket, *, as_json: bool) -> None:
    """Say where the server answers."""
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    address = f"http://{shown}:{port}"
    if as_json:
        print_json({"ready": address})
    else:
        print(f"ambience is ready at {address}", flush=True)
