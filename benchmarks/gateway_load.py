"""Sends requests over raw sockets and times the answers; as little work as can be."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

BOUNDARY = "----ambience"


@dataclass(frozen=True)
class Load:
    """What a number of requests took.

    Attributes:
        rate: Answers a second.
        latencies_s: Of each request.
        own_cpu: The share of one processor that sending them took.
    """

    rate: float
    latencies_s: Sequence[float]
    own_cpu: float


def get(path: str) -> bytes:
    """Return a request as it stands on the wire."""
    return f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n".encode()


def post(path: str, image: bytes, **fields: str) -> bytes:
    """Return a form with an image as it stands on the wire."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'
        f"{value}\r\n".encode()
        for name, value in fields.items()
    ]
    parts.append(
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="image"; '
        'filename="a.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'.encode()
    )
    body = b"".join([*parts, image, f"\r\n--{BOUNDARY}--\r\n".encode()])
    head = (
        f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: {len(body)}\r\n"
        f"content-type: multipart/form-data; boundary={BOUNDARY}\r\n\r\n"
    )
    return head.encode() + body


def post_json(path: str, **fields: object) -> bytes:
    """Return a request with JSON as it stands on the wire."""
    body = json.dumps(fields).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: {len(body)}\r\n"
        "content-type: application/json\r\n\r\n"
    )
    return head.encode() + body


def load(url: str, requests: Sequence[bytes], *, count: int, callers: int) -> Load:
    """Send requests in turn, each caller its own on a connection that is kept.

    Args:
        url: Of the server.
        requests: As they stand on the wire.
        count: How many to send altogether.
        callers: How many send at once.
    """
    latencies: list[float] = []
    failures: list[Exception] = []
    together = threading.Barrier(callers + 1)

    def call(caller: int) -> None:
        try:
            address = urlsplit(url)
            with socket.create_connection(
                (address.hostname, address.port), timeout=300
            ) as connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                together.wait()
                for number in range(caller, count, callers):
                    start = time.perf_counter()
                    connection.sendall(requests[number % len(requests)])
                    read_answer(connection)
                    latencies.append(time.perf_counter() - start)
        except Exception as error:  # noqa: BLE001 -- raised by whoever waits
            failures.append(error)
            together.abort()

    threads = [threading.Thread(target=call, args=(i,)) for i in range(callers)]
    for thread in threads:
        thread.start()
    with contextlib.suppress(threading.BrokenBarrierError):  # the failure is raised
        together.wait()
    start, cpu = time.perf_counter(), time.process_time()
    for thread in threads:
        thread.join()
    took_s, cpu_s = time.perf_counter() - start, time.process_time() - cpu
    if failures:
        raise failures[0]
    return Load(count / took_s, latencies, cpu_s / took_s)


def read_answer(connection: socket.socket) -> None:
    """Read one answer; it must be a success, and leave no service out."""
    got = bytearray()
    while (end := got.find(b"\r\n\r\n")) < 0:
        got += received(connection)
    head = bytes(got[:end]).lower()
    if b" 200 " not in head.partition(b"\r\n")[0]:
        raise ValueError(head.decode())
    length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
    while len(got) < end + 4 + length:
        got += received(connection)
    left_out = b'"unavailable":[{'
    if left_out in got:
        raise ValueError(json.loads(got[end + 4 :])["unavailable"])


def received(connection: socket.socket) -> bytes:
    """Return what has come."""
    data = connection.recv(2**18)
    if not data:
        raise ConnectionError("the server closed the connection")
    return data
