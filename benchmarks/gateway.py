"""What the gateway adds to a service elsewhere, and how long whole searches take.

    python benchmarks/gateway.py --images ~/Pictures

The folder is imported once; copies of that library are then served by one process, and
by a gateway with each service in a process of its own, side by side on this machine.

The first table asks one service: itself, through a proxy that copies bytes between
two sockets and understands none of them (the least that any proxy can do), through the
gateway, and the gateway that has it in its own process. "Gateway's CPU" is the
processor time of the process in front, a request. Rates are medians of rounds in which
all are measured in turn.

The second table is ``/api/reverse_search``: latencies of all rounds together. Queries
are the photographs recompressed; "proved" sends them as they are and asks for
duplicates, which bytes and hash decide.

Requests are bytes made beforehand and sent over raw sockets, so that the sender is not
what is measured: the rows called "nothing" show how many it gets from a server that
answers at once, and the last columns how much of one processor it took.
"""

import argparse
import asyncio
import io
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from gateway_load import Load, get, load, post
from PIL import Image
from tables import print_table

SERVICES = ("phash", "color", "local_features")
MAIN = [sys.executable, "-c", "import ambience.cli as c, sys; sys.exit(c.main())"]
HERE = [sys.executable, __file__]
SMALL = 320  # pixels, the longest side of the small JPEG
CALLERS = (1, 8, 32)


@dataclass(frozen=True)
class Server:
    """A process that answers.

    Attributes:
        url: Where.
        pid: Its number.
    """

    url: str
    pid: int

    def cpu_s(self) -> float:
        """Return the processor time that it has taken, as Linux tells it."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def running(command: Sequence[str], **environment: str) -> Iterator[Server]:
    """Start a server that prints where it is ready, and end it."""
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment}
    )
    try:
        lines: list[str] = []
        for line in process.stdout or ():
            lines.append(line)
            if line == "}\n":
                break
        yield Server(json.loads("".join(lines))["ready"], process.pid)
    finally:
        process.terminate()
        process.communicate()


def serving(data: Path, *names: str) -> list[str]:
    """Return the command line of our own server."""
    return [*MAIN, "serve", *names, "--port", "0", "--json", "--data", str(data)]


async def copy_bytes(service: str) -> None:
    """Serve the plainest proxy there can be."""
    address = urlsplit(service)

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(2**16):
            writer.write(data)
            await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_connection(address.hostname, address.port)
        await asyncio.gather(pipe(reader, there[1]), pipe(there[0], writer))

    await served(serve)


async def answer_at_once() -> None:
    """Serve the same short answer whatever is asked."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):  # the caller is done
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                told = head.partition(b"content-length: ")[2].partition(b"\r\n")[0]
                await reader.readexactly(int(told or 0))
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
        writer.close()

    await served(serve)


async def served(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], object],
) -> None:
    """Serve connections on a free port, and say which."""
    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=2**26)
    host, port = server.sockets[0].getsockname()
    print(json.dumps({"ready": f"http://{host}:{port}"}, indent=0), flush=True)
    await server.serve_forever()


def smaller(path: Path, side: int, quality: int) -> bytes:
    """Return an image as a JPEG, its longest side at most so long."""
    out = io.BytesIO()
    with Image.open(path) as image:
        image.thumbnail((side, side))
        image.convert("RGB").save(out, "JPEG", quality=quality)
    return out.getvalue()


@dataclass
class Measured:
    """The loads of all rounds, and the processor time of who was asked."""

    loads: list[Load]
    cpu_ms: list[float]

    @property
    def rate(self) -> float:
        """The median of the rounds."""
        return statistics.median(load.rate for load in self.loads)

    @property
    def own_cpu(self) -> float:
        """The largest share of a processor that sending took."""
        return max(load.own_cpu for load in self.loads)

    def percentile_ms(self, percent: float) -> float:
        """Return a percentile of the latencies of all rounds."""
        found = sorted(s for load in self.loads for s in load.latencies_s)
        place = min(len(found) - 1, int(len(found) * percent / 100))
        return 1000 * found[place]


def measure(
    servers: dict[str, Server],
    requests: Sequence[bytes],
    *,
    rounds: int,
    count: int,
    callers: int,
) -> dict[str, Measured]:
    """Ask all servers in turn, several times; the first round is not counted."""
    measured = {name: Measured([], []) for name in servers}
    for number in range(rounds + 1):
        for name, server in servers.items():
            before_s = server.cpu_s()
            one = load(server.url, requests, count=count, callers=callers)
            if number:
                measured[name].loads.append(one)
                took_ms = 1000 * (server.cpu_s() - before_s) / count
                measured[name].cpu_ms.append(took_ms)
    return measured


def proxied(
    servers: dict[str, Server], image: bytes, options: argparse.Namespace
) -> None:
    """Print what asking one service costs by each way."""
    asked = {
        "GET /api/phash": (get("/api/phash"), options.count),
        "POST /api/phash/search": (
            post("/api/phash/search?k=5", image),
            options.count // 2,
        ),
    }
    rows = []
    for what, (request, count) in asked.items():
        for callers in (1, 8):
            found = measure(
                servers, [request], rounds=options.rounds, count=count, callers=callers
            )
            for name, one in found.items():
                rows.append(
                    [
                        what,
                        str(callers),
                        name,
                        f"{one.rate:,.0f}",
                        f"{one.rate / found['itself'].rate:.2f}",
                        f"{one.rate / found['plain proxy'].rate:.2f}",
                        f"{statistics.median(one.cpu_ms):.2f}",
                        f"{one.own_cpu:.2f}",
                    ]
                )
    headings = [
        *("request", "callers", "asked", "a second", "of direct", "of plain"),
        *("its CPU ms", "sender's CPU"),
    ]
    print_table(headings, rows)


def searches(
    servers: dict[str, Server], paths: Sequence[Path], options: argparse.Namespace
) -> None:
    """Print how long whole searches take."""
    copies = [smaller(path, 4096, 60) for path in paths]
    files = [path.read_bytes() for path in paths]
    path = "/api/reverse_search"
    asked = {
        "all services": ([post(path, image) for image in copies], 1),
        "without local_features": (
            [post(path, image, services="phash,color") for image in copies],
            6,
        ),
        "duplicates, proved": (
            [post(path, image, find_duplicate="1") for image in files],
            6,
        ),
    }
    rows = []
    for what, (requests, times) in asked.items():
        for callers in CALLERS:
            count = max(2 * callers, times * options.searches)
            found = measure(
                servers, requests, rounds=options.rounds, count=count, callers=callers
            )
            for name, one in found.items():
                rows.append(
                    [
                        what,
                        str(callers),
                        name,
                        *(f"{one.percentile_ms(p):.0f}" for p in (50, 95, 99)),
                        f"{one.rate:.1f}",
                        f"{one.own_cpu:.2f}",
                    ]
                )
    headings = [
        *("search", "callers", "services", "p50 ms", "p95 ms", "p99 ms"),
        *("a second", "sender's CPU"),
    ]
    print_table(headings, rows)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=Path)
    parser.add_argument("--folder", type=Path, help="where libraries are written")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--count", type=int, default=400, help="requests a round")
    parser.add_argument("--searches", type=int, default=32, help="searches a round")
    parser.add_argument("--copy-bytes", metavar="URL", help=argparse.SUPPRESS)
    parser.add_argument("--nothing", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.copy_bytes:
        asyncio.run(copy_bytes(options.copy_bytes))
    elif options.nothing:
        asyncio.run(answer_at_once())
    elif options.images is None:
        parser.error("name a folder with --images")
    else:
        compare(options)


def compare(options: argparse.Namespace) -> None:
    """Import the folder, start everything and print both tables."""
    paths = sorted(p for p in options.images.iterdir() if p.suffix.lower() == ".jpg")
    with tempfile.TemporaryDirectory(dir=options.folder) as name, ExitStack() as stack:
        one = Path(name, "one")
        command = [*MAIN, "import", str(options.images), "--data", str(one), "--json"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        services, environment = {}, {}
        for service in SERVICES:
            data = Path(name, service)
            shutil.copytree(one, data)
            services[service] = stack.enter_context(running(serving(data, service)))
            environment[f"AMBIENCE_SERVICES__{service.upper()}__URL"] = services[
                service
            ].url
        split = Path(name, "split")
        shutil.copytree(one, split)
        gateway = stack.enter_context(running(serving(split), **environment))
        whole = stack.enter_context(running(serving(one)))
        direct = services["phash"]
        plain = stack.enter_context(running([*HERE, "--copy-bytes", direct.url]))
        nothing = stack.enter_context(running([*HERE, "--nothing"]))
        print(f"{len(paths)} images, {os.cpu_count()} processors\n")
        proxied(
            {
                "nothing": nothing,
                "itself": direct,
                "plain proxy": plain,
                "gateway, elsewhere": gateway,
                "gateway, in process": whole,
            },
            smaller(paths[0], SMALL, 85),
            options,
        )
        print()
        searches({"one process": whole, "split": gateway}, paths[:32], options)


if __name__ == "__main__":
    main()
