"""Refuses requests for unknown host names, as a protection from DNS rebinding."""

from collections.abc import Iterable
from http import HTTPStatus

from starlette.types import ASGIApp, Receive, Scope, Send

from ambience.web.refusal import Refusal

_OURS = ("localhost", "127.0.0.1", "::1")


class KnownHosts:
    """ASGI middleware that refuses requests whose Host header has an unknown name.

    A foreign page can make its own name resolve to this machine (DNS rebinding), and
    browsers then let it read every answer. But the Host header still has the page's
    name. Requests without the header don't come from browsers.

    Args:
        app: The application to protect.
        hosts: Known names and addresses besides those of this machine.
    """

    def __init__(self, app: ASGIApp, *, hosts: Iterable[str] = ()) -> None:
        self._app = app
        self._known = {_bare(host) for host in (*_OURS, *hosts)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, unless it is for an unknown host."""
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
            f"{host[:100]!r} is not a name of this server: if it should be, add it to "
            "the setting allowed_hosts",
        )


def _bare(host: str) -> str:
    """Return a host without its port and brackets."""
    host = host.strip().lower()
    if host.startswith("[") and "]" in host:
        return host[1:].partition("]")[0]
    if host.count(":") == 1:  # more colons mean an IPv6 address without brackets
        host = host.partition(":")[0]
    return host.removesuffix(".")
