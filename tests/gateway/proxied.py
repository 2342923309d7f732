"""A gateway in front of a service that a test plays itself."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2

from tests.congruence.test_services import served
from tests.gateways import gateway_app
from tests.library import opened_library
from tests.scripted import GUARD_S, Got, read_request, scripted

Serve = Callable[[socket.socket], None]
SIMILAR = "/api/phash/images/7/similar?k=1"
MATCHES = b'{"matches":[],"note":""}'


@contextmanager
def gateway_before(
    serve: Serve, data: Path, *, timeout_s: float = GUARD_S, path: str = ""
) -> Iterator[httpx2.Client]:
    """Give a client of a gateway whose phash is a function."""
    with scripted(serve) as url:
        services = {"phash": {"url": url + path, "timeout_s": timeout_s}}
        with (
            opened_library(
                data, services=services, enabled=["phash"], limits={"max_file_mib": 64}
            ) as library,
            served(gateway_app(library)) as ours,
            httpx2.Client(base_url=ours, timeout=GUARD_S, trust_env=False) as client,
        ):
            yield client


def saying(*answers: bytes, got: list[Got] | None = None) -> Serve:
    """Answer the requests on each connection one by one, then close it."""

    def serve(connection: socket.socket) -> None:
        for one in answers:
            request = read_request(connection)
            if got is not None:
                got.append(request)
            connection.sendall(one)

    return serve


def closing_the_second(got: list[Got], first: bytes) -> Serve:
    """Answer one request on a connection, read the next and close without a word."""

    def serve(connection: socket.socket) -> None:
        got.append(read_request(connection))
        connection.sendall(first)
        got.append(read_request(connection))

    return serve


def form(data: bytes) -> dict[str, bytes]:
    return {"image": data}
