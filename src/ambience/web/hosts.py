"""Refuses requests that name a host we are not, as pages that rebind names do."""

from collections.abc import Iterable
from http import HTTPStatus

from starlette.types import ASGIApp, Receive, Scope, Send

from ambience.web.refusal import Refusal

_OURS = ("localhost", "127.0.0.1", "::1")


class KnownHosts:
    """ASGI middleware that answers only those who ask for a host by a known name.

    A page from elsewhere may let its own name point at this machine (DNS rebinding),
    and a browser then lets it read every answer; but the Host header still says the
    page's name. A request without one is no browser's.

    Args:
        app: What it guards.
        hosts: Names and addresses besides those of this machine.
    """

    def __init__(self, app: ASGIApp, *, hosts: Iterable[str] = ()) -> None:
        self._app = app
        self._known = {_bare(host) for host in (*_OURS, *hosts)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, unless it is for somebody else."""
        if scope["type"] == "http":
            for name, value in scope["headers"]:
                host = value.decode("latin-1")
                if name == b"host" and _bare(host) not in self._known:
                    await self._refuse(host)(scope, receive, send)
                    return
        await self._app(scope, receive, send)

    def _refuse(self, host: str) -> ASGIApp:
        return Refusal(
            HTTPStatus.MISDIRECTED_REQUEST,
            f"{host[:100]!r} is no name of this server: if it should be one, put it "
            "into the setting allowed_hosts",
        )


def _bare(host: str) -> str:
    """Return a host without port and brackets."""
    host = host.strip().lower()
    if host.startswith("[") and "]" in host:
        return host[1:].partition("]")[0]
    if host.count(":") == 1:  # more of them: an IPv6 address as settings write it
        host = host.partition(":")[0]
    return host.removesuffix(".")
