"""Fetches an image from an address on the public internet, and only from there.

An address is checked before anything is sent to it: each name is resolved once, every
address it has must be allowed, and the connection is made to one of exactly these. So
neither a name that means something else a moment later (DNS rebinding), nor an odd
spelling, nor a redirect leads anywhere else.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Collection, Sequence
from http import HTTPStatus
from ipaddress import ip_address
from typing import TypeAlias

import httpx2

from ambience import __version__
from ambience.core.errors import BadParameterError, FetchError
from ambience.imaging import Limits
from ambience.ingest.fetching.public_addresses import IPAddress, is_public

PORTS = {"http": 80, "https": 443}
"""The allowed schemes, and the port of each: no others serve images."""

_MAX_REDIRECTS = 5  # a shortener, to https, to www, to a content network, and one more
_MAX_ADDRESSES = 4  # of a name: one that answers is among the first
_AT_ONCE = 4  # images of up to `Limits.max_bytes` each in memory; others wait
_SHOWN = 100  # characters of a host's name in a message
_REDIRECTS = frozenset(
    {
        HTTPStatus.MOVED_PERMANENTLY,
        HTTPStatus.FOUND,
        HTTPStatus.SEE_OTHER,
        HTTPStatus.TEMPORARY_REDIRECT,
        HTTPStatus.PERMANENT_REDIRECT,
    }
)

Resolver: TypeAlias = Callable[[str, int], Awaitable[Sequence[IPAddress]]]
"""Returns the addresses of a host, best first; raises ``OSError`` if it has none."""


async def resolved(host: str, port: int) -> list[IPAddress]:
    """Return the addresses of a host, as the system resolves it."""
    found = await asyncio.get_running_loop().getaddrinfo(
        host, port, type=socket.SOCK_STREAM
    )
    return [ip_address(address) for address in dict.fromkeys(f[4][0] for f in found)]


class Fetcher:
    """Fetches images over HTTP and HTTPS.

    Args:
        limits: How large a file may be.
        timeout_s: How long one image may take, from the name to the last byte.
        allowed: Decides which addresses may be connected to.
        ports: The ports that may be connected to.
        resolve: Finds the addresses of a host.
        tls: Checks certificates; ``None`` for the system's way.
    """

    def __init__(  # noqa: PLR0913 -- each decides about one danger
        self,
        *,
        limits: Limits,
        timeout_s: float,
        allowed: Callable[[IPAddress], bool] = is_public,
        ports: Collection[int] = tuple(PORTS.values()),
        resolve: Resolver = resolved,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._limits = limits
        self._timeout_s = timeout_s
        self._allowed = allowed
        self._ports = ports
        self._resolve = resolve
        self._tls = tls or httpx2.create_ssl_context(trust_env=False)
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def fetch(self, address: str) -> bytes:
        """Return what is at an address, which may or may not be an image.

        Raises:
            BadParameterError: If nothing may be fetched from this address.
            FetchError: If it does not answer in time, or not with a file.
            TooLargeError: If the file is larger than the limits allow; it is not read
                further.
        """
        url = _parsed(address)
        try:
            async with asyncio.timeout(self._timeout_s), self._places:
                for _ in range(1 + _MAX_REDIRECTS):
                    found = await self._get(url)
                    if isinstance(found, bytes):
                        return found
                    url = found
        except TimeoutError as error:
            raise FetchError(
                f"{_host(url)} took longer than {self._timeout_s:g} s: try again, send "
                "the image itself, or raise search_by_url.timeout_s"
            ) from error
        raise FetchError(
            f"the address was redirected more than {_MAX_REDIRECTS} times: give the "
            "address of the image itself"
        )

    async def _get(self, url: httpx2.URL) -> bytes | httpx2.URL:
        """Return what is at an address, or the address that it redirects to."""
        port = self._checked_port(url)
        addresses = await self._addresses(url, port)
        wait_s = self._timeout_s / len(addresses)  # so that each gets a turn
        for address in addresses:
            try:
                return await self._get_from(address, url, wait_s)
            except (httpx2.ConnectError, httpx2.ConnectTimeout):
                continue
            except httpx2.HTTPError as error:
                raise FetchError(
                    f"{_host(url)} broke off its answer ({type(error).__name__}): try "
                    "again, or search with the file instead"
                ) from error
        raise FetchError(
            f"can't connect to {_host(url)} over {url.scheme}: check whether the "
            "address opens in a browser"
        )

    def _checked_port(self, url: httpx2.URL) -> int:
        if url.scheme not in PORTS or not url.raw_host:
            raise BadParameterError(
                "give an address that begins with http:// or https://"
            )
        if url.userinfo:
            raise BadParameterError(
                "give an address without a user name and a password"
            )
        port = url.port or PORTS[url.scheme]
        if port not in self._ports:
            raise BadParameterError(
                f"images are not fetched from port {port}, only from "
                + " and ".join(map(str, self._ports))
            )
        return port

    async def _addresses(self, url: httpx2.URL, port: int) -> Sequence[IPAddress]:
        """Return the addresses of a host, if all of them are allowed."""
        try:
            found = await self._resolve(url.raw_host.decode("ascii"), port)
        except (OSError, UnicodeError):  # the second for names no server can have
            found = []
        # One message for both cases: it must not reveal which names exist in a private
        # network.
        if not found or not all(map(self._allowed, found)):
            raise BadParameterError(
                f"{_host(url)} has no address, or one that is not public: images are "
                "only fetched from the public internet, so search with a file instead"
            )
        return found[:_MAX_ADDRESSES]

    async def _get_from(
        self, address: IPAddress, url: httpx2.URL, wait_s: float
    ) -> bytes | httpx2.URL:
        """Ask for a file at one address of its host."""
        headers = {
            "Host": url.netloc.decode("ascii"),
            "User-Agent": f"ambience/{__version__}",
            "Accept": "image/*,*/*;q=0.5",
            "Accept-Encoding": "identity",  # nothing is unpacked here
        }
        # The certificate is checked against the name, which SNI asks for as well.
        name = url.raw_host.decode("ascii").removesuffix(".")
        async with (
            httpx2.AsyncClient(
                verify=self._tls,
                trust_env=False,  # no proxy: it could connect to anything
                follow_redirects=False,
                timeout=httpx2.Timeout(None, connect=wait_s),
            ) as client,
            client.stream(
                "GET",
                url.copy_with(host=str(address)),
                headers=headers,
                extensions={"sni_hostname": name},
            ) as response,
        ):
            if response.status_code in _REDIRECTS:
                return _followed(url, response)
            return await self._body(url, response)

    async def _body(self, url: httpx2.URL, response: httpx2.Response) -> bytes:
        if response.status_code != HTTPStatus.OK:
            raise FetchError(
                f"{_host(url)} answered {response.status_code} instead of an image: "
                "check whether the address opens in a browser"
            )
        if response.headers.get("content-encoding", "identity") != "identity":
            raise FetchError(
                f"{_host(url)} sent a compressed answer, unasked: search with the file "
                "instead"
            )
        declared = response.headers.get("content-length", "0")
        self._limits.check_bytes(int(declared) if declared.isdecimal() else 0)
        data = bytearray()
        async for chunk in response.aiter_raw():
            data += chunk
            self._limits.check_bytes(len(data))
        return bytes(data)


def _parsed(address: str) -> httpx2.URL:
    try:
        return httpx2.URL(address.strip())
    except httpx2.InvalidURL as error:
        raise BadParameterError(f"this is not an address ({error})") from error


def _followed(url: httpx2.URL, response: httpx2.Response) -> httpx2.URL:
    """Return the target of a redirect."""
    try:
        return url.join(response.headers["location"])
    except (KeyError, ValueError, httpx2.InvalidURL) as error:
        raise FetchError(
            f"{_host(url)} redirects to something that is not an address: give the "
            "address of the image itself"
        ) from error


def _host(url: httpx2.URL) -> str:
    """Return a host's name for a message."""
    return url.raw_host.decode("ascii")[:_SHOWN]
