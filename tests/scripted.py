"""A service that does what a test tells it to, byte by byte, over a real socket."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

GUARD_S = 30  # a test that would hang fails instead


@dataclass(frozen=True)
class Got:
    """A request as it came.

    Attributes:
        head: The first line and the headers, as they were sent.
        body: What followed.
    """

    head: bytes
    body: bytes

    @property
    def first_line(self) -> str:
        return self.head.partition(b"\r\n")[0].decode()

    def header(self, name: str) -> str | None:
        for line in self.head.decode().split("\r\n")[1:]:
            key, _, value = line.partition(":")
            if key.lower() == name:
                return value.strip()
        return None


def read_head(connection: socket.socket) -> tuple[bytes, bytes]:
    """Read up to the end of the headers; return them, and what of the body came."""
    got = b""
    while b"\r\n\r\n" not in got:
        data = connection.recv(2**16)
        if not data:
            raise ConnectionError
        got += data
    head, _, rest = got.partition(b"\r\n\r\n")
    return head, rest


def read_request(connection: socket.socket) -> Got:
    """Read a whole request that says how long its body is."""
    head, body = read_head(connection)
    length = int(Got(head, b"").header("content-length") or 0)
    while len(body) < length:
        data = connection.recv(2**16)
        if not data:
            raise ConnectionError
        body += data
    return Got(head, body)


def answer(
    body: bytes = b"{}",
    *,
    status: str = "200 OK",
    kind: str = "application/json",
    more: str = "",
) -> bytes:
    """Return an answer as it stands on the wire; ``more`` are lines of its head."""
    head = f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\n{more}"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


@contextmanager
def scripted(serve: Callable[[socket.socket], None]) -> Iterator[str]:
    """Give the address of a service that hands each connection to a function."""
    listener = socket.create_server(("127.0.0.1", 0))
    taken: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def one(connection: socket.socket) -> None:
        with suppress(OSError):  # the other side is gone, or the test is over
            serve(connection)
        connection.close()

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connection.settimeout(GUARD_S)
            taken.append(connection)
            threads.append(threading.Thread(target=one, args=(connection,)))
            threads[-1].start()

    accepting = threading.Thread(target=accept)
    accepting.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        with suppress(OSError):  # which wakes the thread that accepts
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        accepting.join()
        for connection in taken:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join()
