"""A mixed load on a server, and what the server takes up under it.

Shared by ``tests/faults/test_endurance.py``, which lasts a minute, and
``benchmarks/endurance.py``, which lasts as long as it is told.
"""

import http.client
import random
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import urlsplit

import numpy as np
import psutil

from tests.drawing import drawn_image, encode

CALLERS = 40
LIBRARY = 24  # images that are there all the time, under the ids from 1
_OWN = 10_000  # the first id of images that come and go
_WAIT_S = 180.0  # for one answer, so that nothing hangs
_BOUNDARY = "----ambience"
_RESET = struct.pack("ii", 1, 0)  # close a socket at once, and throw away what came

# A PNG that says it has 60,000 x 60,000 pixels.
_BOMB = bytes.fromhex("89504e470d0a1a0a0000000d49484452") + struct.pack(
    ">IIBBBBBI", 60_000, 60_000, 8, 2, 0, 0, 0, 0
)

Outcomes = Counter[tuple[str, int]]
"""How many requests of a kind had a status; 0: the client did not wait for it."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What processes take up.

    Attributes:
        descriptors: Open files and connections.
        threads: Of all kinds, those of libraries included.
        memory_mib: Memory of their own, in MiB: without the files that they map, which
            the system may take back at any time.
    """

    descriptors: int
    threads: int
    memory_mib: float

    @classmethod
    def of(cls, processes: Sequence[psutil.Process]) -> "Usage":
        """Return what some processes take up together; those that end meanwhile: 0."""
        descriptors, threads, memory = 0, 0, 0
        for process in processes:
            try:
                descriptors += process.num_fds()
                threads += process.num_threads()
                used = process.memory_info()
                memory += used.rss - getattr(used, "shared", 0)
            except psutil.NoSuchProcess:
                continue
        return cls(descriptors, threads, memory / 2**20)


def usage(server: psutil.Process) -> tuple[Usage, Usage]:
    """Return what a server takes up itself, and what its children do."""
    return Usage.of([server]), Usage.of(server.children(recursive=True))


class MixedLoad:
    """Callers that do everything that may be done to a server, and some that may not.

    Args:
        url: Of the server.
        seed: Equal seeds ask for the same in the same order.
    """

    def __init__(self, url: str, *, seed: int = 0) -> None:
        address = urlsplit(url)
        self._host, self._port = address.hostname or "", address.port or 0
        self._bursts = 0
        self._seed = seed
        self._images = [
            encode(drawn_image(number, (90, 120)), "JPEG") for number in range(LIBRARY)
        ]
        rng = np.random.default_rng(seed)
        noise = rng.integers(0, 256, (1100, 1500, 3), np.uint8)
        self._large = encode(noise, "JPEG", quality=92)  # waits in a file, as sent
        self._page = encode(drawn_image(99, (700, 2300)), "JPEG")  # its view is made
        self._damaged = [
            self._images[0][: len(self._images[0]) // 2],
            b"\xff\xd8\xff" + rng.bytes(2000),
            _BOMB,
            b"no image at all",
            b"",
        ]

    def fill(self) -> None:
        """Put the images that stay."""
        connection = self._connection()
        for number, image in enumerate([*self._images[:-1], self._page], 1):
            status = _sent(connection, "PUT", f"/api/images/{number}", image=image)
            assert status == http.client.OK, status
        connection.close()

    def burst(self, *, callers: int = CALLERS, requests: int) -> Outcomes:
        """Let callers come at once, each on a connection of its own, and go.

        Args:
            callers: How many.
            requests: How many each makes, one after the other.

        Returns:
            What became of all of them.
        """
        self._bursts += 1
        together = threading.Barrier(callers)

        def call(caller: int) -> Outcomes:
            rng = random.Random(f"{self._seed} {self._bursts} {caller}")
            outcomes: Outcomes = Counter()
            connection = self._connection()
            together.wait()
            for _ in range(requests):
                action = rng.choice(_ACTIONS)
                for status in action(self, connection, rng, caller):
                    outcomes[action.__name__.strip("_"), status] += 1
            connection.close()
            return outcomes

        with ThreadPoolExecutor(callers) as pool:
            return sum(pool.map(call, range(callers)), Counter())

    def _connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self._host, self._port, timeout=_WAIT_S)

    # What a caller may do; each returns the statuses of its requests.

    def browse(self, connection: "_Connection", rng: random.Random, _: int) -> "_Said":
        paths = [
            "/",
            "/api/images?limit=50",
            "/gallery/app.js",
            f"/api/images/{_one(rng)}",
        ]
        return [_sent(connection, "GET", path) for path in paths]

    def look(self, connection: "_Connection", rng: random.Random, _: int) -> "_Said":
        kinds = ["thumbnail", "thumbnail", "thumbnail", "view", "file"]
        return [
            _sent(connection, "GET", f"/api/images/{_one(rng)}/{kind}")
            for kind in kinds
        ]

    def parts(self, connection: "_Connection", rng: random.Random, _: int) -> "_Said":
        path = f"/api/images/{_one(rng)}/file"
        ranges = ["bytes=0-99", "bytes=100-", "bytes=0-1,5-9", "bytes=999999999-"]
        return [
            _sent(connection, "GET", path, headers={"range": part}) for part in ranges
        ]

    def search(self, connection: "_Connection", rng: random.Random, _: int) -> "_Said":
        image = rng.choice(self._images)
        return [
            _sent(connection, "POST", "/api/reverse_search", image=image),
            _sent(connection, "POST", "/api/reverse_search", image_id=str(_one(rng))),
            _sent(
                connection,
                "POST",
                "/api/reverse_search",
                image=image,
                region="9,9,60,60",
            ),
        ]

    def ask(self, connection: "_Connection", rng: random.Random, _: int) -> "_Said":
        image = rng.choice(self._images)
        return [
            _sent(connection, "POST", "/api/phash/search?k=5", image=image),
            _sent(connection, "GET", f"/api/color/images/{_one(rng)}/similar?k=5"),
            _sent(connection, "GET", "/api/color"),
            _sent(connection, "GET", "/metrics"),
            _sent(connection, "GET", "/readyz"),
        ]

    def change(
        self, connection: "_Connection", rng: random.Random, caller: int
    ) -> "_Said":
        path = f"/api/images/{_OWN + caller}"
        image = rng.choice(self._images)
        return [
            _sent(connection, "PUT", path, image=image),
            _sent(connection, "PUT", path, image=image, keep="false"),
            _sent(connection, "GET", f"{path}/thumbnail"),
            _sent(connection, "DELETE", path),
            _sent(connection, "DELETE", path),
        ]

    def upload(self, connection: "_Connection", _: random.Random, __: int) -> "_Said":
        return [_sent(connection, "POST", "/api/phash/search?k=5", image=self._large)]

    def harm(
        self, connection: "_Connection", rng: random.Random, caller: int
    ) -> "_Said":
        image = rng.choice(self._damaged)
        return [
            _sent(connection, "PUT", f"/api/images/{_OWN + caller}", image=image),
            _sent(connection, "POST", "/api/reverse_search", image=image),
            _sent(connection, "GET", "/api/images/no-number"),
            _sent(connection, "GET", "/api/images/999999/file"),
            _sent(connection, "POST", "/api/reverse_search", region="1,1,1,1"),
        ]

    def leave(self, _: "_Connection", rng: random.Random, caller: int) -> "_Said":
        """Go away before the answer, or in the middle of the question."""
        put = _request("PUT", f"/api/images/{_OWN + caller}", {"image": self._large})
        whole = [
            _request(
                "POST", "/api/reverse_search", {"image": self._images[caller % 9]}
            ),
            _request("GET", f"/api/images/{_one(rng)}/file", {}),
            _request("GET", "/api/images?limit=50", {}),
        ]
        cut = [put[: len(put) // 2], put[:90], b"GET / HT", b"\x16\x03\x01\x02\x00\x01"]
        for sent in (rng.choice(whole), rng.choice(cut)):
            with socket.create_connection((self._host, self._port), _WAIT_S) as gone:
                gone.sendall(sent)
                time.sleep(rng.choice([0, 0, 0.02]))
                gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        return [0, 0]


_Connection = http.client.HTTPConnection
_Said = Sequence[int]
_Action = Callable[[MixedLoad, _Connection, random.Random, int], _Said]

_ACTIONS: Sequence[_Action] = (
    MixedLoad.browse,
    MixedLoad.look,
    MixedLoad.parts,
    MixedLoad.search,
    MixedLoad.ask,
    MixedLoad.change,
    MixedLoad.upload,
    MixedLoad.harm,
    MixedLoad.leave,
)


def _one(rng: random.Random) -> int:
    return rng.randint(1, LIBRARY)


def _form(fields: Mapping[str, bytes | str]) -> bytes:
    parts = []
    for name, value in fields.items():
        file = b'; filename="a.jpg"' if isinstance(value, bytes) else b""
        content = value if isinstance(value, bytes) else value.encode()
        parts.append(
            f'--{_BOUNDARY}\r\ncontent-disposition: form-data; name="{name}"'.encode()
            + (file + b"\r\n\r\n" + content + b"\r\n")
        )
    return b"".join([*parts, f"--{_BOUNDARY}--\r\n".encode()])


def _request(method: str, path: str, fields: Mapping[str, bytes | str]) -> bytes:
    """Return a request as it stands on the wire."""
    body = _form(fields) if fields else b""
    return (
        f"{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n"
        f"content-type: multipart/form-data; boundary={_BOUNDARY}\r\n"
        f"content-length: {len(body)}\r\n\r\n".encode()
        + body
    )


def _sent(
    connection: _Connection,
    method: str,
    path: str,
    *,
    headers: Mapping[str, str] | None = None,
    **fields: bytes | str,
) -> int:
    """Send a request; read the answer, and return its status."""
    told = dict(headers or {})
    if fields:
        told["content-type"] = f"multipart/form-data; boundary={_BOUNDARY}"
    body = _form(fields) if fields else None
    try:
        connection.request(method, path, body, told)
        answer = connection.getresponse()
    except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
        # It was at rest, and closed just now: as every client does, once more.
        connection.close()
        connection.request(method, path, body, told)
        answer = connection.getresponse()
    answer.read()
    return answer.status
