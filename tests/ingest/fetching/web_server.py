"""A small server elsewhere, which answers as a test wants, and what fetches from it."""

import asyncio
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from ambience.imaging import Limits
from ambience.ingest.fetching.fetcher import Fetcher
from ambience.ingest.fetching.public_addresses import IPAddress

CERTIFICATE = Path(__file__).with_name("photos.test.pem")
"""A certificate of photos.test, made for these tests, with its key."""

HERE = "127.0.0.1"  # the one address that these tests allow
FILE = bytes(range(256)) * 40
LIMIT = 2**16

Answer = bytes | Callable[[socket.socket], object]


def answer(body: bytes = b"", status: int = 200, **headers: object) -> bytes:
    """Return an answer with its length, unless the headers say another."""
    fields = {"content_length": len(body), **headers}
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    head = "\r\n".join([f"HTTP/1.1 {status} Whatever", *lines])
    return head.encode() + b"\r\n\r\n" + body


class WebServer(socketserver.ThreadingTCPServer):
    """Serves at a free port of 127.0.0.1.

    Args:
        answers: What is sent, or done with the connection, by path.
        tls: What it proves itself with; ``None``: it speaks plain HTTP.
    """

    daemon_threads = True

    def __init__(
        self, answers: Mapping[str, Answer], tls: ssl.SSLContext | None = None
    ) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.answers = answers
        self.tls = tls
        self.port: int = self.server_address[1]
        self.requests: list[str] = []  # as they came
        self.ended = threading.Event()  # set when the test is over


class _Connection(socketserver.BaseRequestHandler):
    server: WebServer

    def handle(self) -> None:
        with suppress(OSError):  # whoever asks may go away at any moment
            connection: socket.socket = self.request
            if self.server.tls is not None:
                connection = self.server.tls.wrap_socket(connection, server_side=True)
            asked = b""
            while b"\r\n\r\n" not in asked:
                more = connection.recv(4096)
                if not more:
                    return
                asked += more
            self.server.requests.append(asked.decode())
            answered = self.server.answers[asked.decode().split()[1]]
            if isinstance(answered, bytes):
                connection.sendall(answered)
            else:
                answered(connection)
            connection.close()


@contextmanager
def web_server(answers: Mapping[str, Answer], **options: Any) -> Iterator[WebServer]:
    """Give a server that answers as long as the block lasts."""
    with WebServer(answers, **options) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.ended.set()
            server.shutdown()
            thread.join()


class Names:
    """Knows names, and what each means the first time, the second time, and so on."""

    def __init__(self, **known: Sequence[Sequence[str]]) -> None:
        self._known = {name: iter(answers) for name, answers in known.items()}
        self.asked: list[str] = []

    async def __call__(self, host: str, _: int) -> list[IPAddress]:
        self.asked.append(host)
        try:
            return [ip_address(host)]
        except ValueError:
            return [ip_address(address) for address in next(self._known[host])]


def photos(*answers: Sequence[str]) -> Names:
    """Return what knows one name: photos.test."""
    return Names(**{"photos.test": answers})


def fetched(  # noqa: PLR0913 -- what a test may want otherwise
    server: WebServer,
    path: str = "/",
    *,
    host: str = HERE,
    scheme: str = "http",
    allowed: Collection[str] = (HERE,),
    timeout_s: float = 30,
    **options: Any,
) -> bytes:
    """Return what is fetched from a server, which alone may be connected to."""
    fetcher = Fetcher(
        limits=Limits(max_bytes=LIMIT),
        timeout_s=timeout_s,
        allowed=lambda address: str(address) in allowed,
        ports={server.port},
        **options,
    )
    return asyncio.run(fetcher.fetch(f"{scheme}://{host}:{server.port}{path}"))
