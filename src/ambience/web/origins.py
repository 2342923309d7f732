"""Refuses requests that pages from elsewhere make a browser send.

A browser sends what any page tells it to: searches with ``url=``, forms that add
images, pictures. That page can't read the answers, but the server would do the work.
"""

from collections.abc import Iterable
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from ambience.web.refusal import Refusal

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_SITE = frozenset({"same-origin", "none"})  # none: an address that was typed in
_SHOWN = 100  # characters of an origin in a sentence


class KnownOrigins:
    """ASGI middleware that does nothing for pages from elsewhere.

    Browsers say where a request comes from: in ``Sec-Fetch-Site``, if the server is
    this machine or speaks TLS, and in ``Origin``, if it may change something. Whoever
    sends neither is a program, and may do what it likes.

    To follow a link to a page of ours is allowed, but not to put it into a frame.

    Args:
        app: What it guards.
        allowed: Origins besides our own, such as ``https://photos.example.org``.
    """

    def __init__(self, app: ASGIApp, *, allowed: Iterable[str] = ()) -> None:
        self._app = app
        self._allowed = {_written(origin) for origin in allowed}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, unless a page from elsewhere sends it."""
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            if not self._is_ours(scope["method"], headers):
                await _refusal(headers)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _is_ours(self, method: str, headers: Headers) -> bool:
        origins = headers.getlist("origin")
        if origins and all(_written(origin) in self._allowed for origin in origins):
            return True
        sites = headers.getlist("sec-fetch-site")
        if sites:  # which no page can choose, and no proxy has a reason to change
            return _OWN_SITE.issuperset(sites) or _is_link(method, headers)
        hosts = {_host(host) for host in headers.getlist("host")} - {""}
        return all(_host(origin.partition("://")[2]) in hosts for origin in origins)


def _written(origin: str) -> str:
    """Return an origin as browsers write it."""
    return origin.strip().lower().removesuffix("/")


def _host(host: str) -> str:
    """Return a host and its port, but for those that TLS in front of us may change."""
    return host.strip().lower().removesuffix(":80").removesuffix(":443")


def _is_link(method: str, headers: Headers) -> bool:
    """Tell whether somebody follows a link; what is fetched ahead is not that."""
    return (
        method in _SAFE
        and headers.get("sec-fetch-mode") == "navigate"
        and headers.get("sec-fetch-dest") == "document"
        and "sec-purpose" not in headers
    )


def _refusal(headers: Headers) -> ASGIApp:
    origin = headers.get("origin", "")[:_SHOWN]
    named = f" ({origin})" if origin else ""
    return Refusal(
        HTTPStatus.FORBIDDEN,
        f"a page from elsewhere{named} sends this: if it is yours, put its origin into "
        "the setting allowed_origins",
    )
