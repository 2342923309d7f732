"""Refuses requests that foreign pages make a browser send.

A browser sends whatever a page tells it to: searches by address, forms that add images.
The page can't read the answers, but the server would do the work.
"""

from collections.abc import Iterable
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from ambience.web.refusal import Refusal

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_SITE = frozenset({"same-origin", "none"})  # none: the user typed the address
_SHOWN = 100  # characters of an origin in a message


class KnownOrigins:
    """ASGI middleware that refuses requests from foreign pages.

    Browsers say where a request comes from: in ``Sec-Fetch-Site``, if the server is
    this machine or uses TLS, and in ``Origin``, if the request may change something.
    Requests with neither header come from programs and are allowed.

    Following a link to one of our pages is allowed, but putting it into a frame is not.

    Args:
        app: The application to protect.
        allowed: Origins besides our own, such as ``https://photos.example.org``.
    """

    def __init__(self, app: ASGIApp, *, allowed: Iterable[str] = ()) -> None:
        self._app = app
        self._allowed = {_written(origin) for origin in allowed}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, unless a foreign page sent it."""
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
        if sites:  # which pages can't set, and proxies have no reason to change
            return _OWN_SITE.issuperset(sites) or _is_link(method, headers)
        hosts = {_host(host) for host in headers.getlist("host")} - {""}
        return all(_host(origin.partition("://")[2]) in hosts for origin in origins)


def _written(origin: str) -> str:
    """Return an origin in the form that browsers send."""
    return origin.strip().lower().removesuffix("/")


def _host(host: str) -> str:
    """Return a host and port, without default ports, which a TLS proxy may change."""
    return host.strip().lower().removesuffix(":80").removesuffix(":443")


def _is_link(method: str, headers: Headers) -> bool:
    """Return whether the user follows a link; prefetching does not count."""
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
        f"a foreign page{named} sent this request: if the page is yours, add its "
        "origin to the setting allowed_origins",
    )
