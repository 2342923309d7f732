"""A real server process for tests: started, waited for, stopped or killed."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Self

import httpx2
import psutil

MAIN = "import sys; from ambience.cli import main; sys.exit(main())"
# So that no test hangs; nothing is promised by them, and a busy machine is slow.
START_S = 180
STOP_S = 60


class Server:
    """``ambience serve`` on a free port, with what it prints.

    Args:
        process: Where it runs.
        output: Its standard output.
        log: The file with its standard error.
    """

    def __init__(self, process: psutil.Process, output: IO[str], log: Path) -> None:
        self.process = process
        self.url = ""
        self._output = output
        self._log = log

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._output.close()

    @property
    def log(self) -> str:
        """What it said on standard error."""
        return self._log.read_text(encoding="utf-8")

    def wait_until_ready(self) -> Self:
        """Return once it answers."""
        said = self.said()
        assert said is not None, f"the server ended: {self.log}"
        self.url = said["ready"]
        return self

    def said(self) -> dict[str, Any] | None:
        """Return the next JSON document that it prints, None once it has ended."""
        lines: list[str] = []
        guard = threading.Timer(START_S, self.process.kill)  # so that no test hangs
        guard.start()
        try:
            for line in self._output:
                lines.append(line)
                if line == "}\n":
                    answer: dict[str, Any] = json.loads("".join(lines))
                    return answer
        finally:
            guard.cancel()
        return None

    def client(self) -> httpx2.Client:
        """Return a client of this server."""
        return httpx2.Client(base_url=self.url, timeout=START_S)

    def stop(self, number: int = signal.SIGTERM) -> int | None:
        """Ask it to end; return its exit code."""
        self.process.send_signal(number)
        code: int | None = self.process.wait(STOP_S)
        return code

    def kill(self) -> None:
        """End it as a power cut does, if it still runs."""
        with suppress(psutil.NoSuchProcess):  # it may end by itself at any moment
            self.process.kill()
        self.process.wait(STOP_S)


def wait_for_backlog(client: httpx2.Client) -> None:
    """Return once slow services have got everything that they can get."""
    deadline = time.monotonic() + START_S
    while True:
        services = client.get("/api/backlog").raise_for_status().json()["services"]
        if not any(one["waiting"] for one in services.values()):
            return
        assert time.monotonic() < deadline, services
        time.sleep(0.05)


def words(data: Path, *options: str) -> list[str]:
    """Return the command line of a server on a free port."""
    return ["serve", "--port", "0", "--json", "--data", str(data), *options]


def started(
    data: Path,
    *options: str,
    code: str = MAIN,
    command: Sequence[str] = (sys.executable, "-c"),
    environment: Mapping[str, str] | None = None,
) -> Server:
    """Start a server; it is not ready yet.

    Args:
        data: The data folder.
        *options: More words for the command line.
        code: What the process runs, where a test needs other than `MAIN`.
        command: What runs that, where a test needs more than this interpreter.
        environment: Variables that it has besides those of this process.
    """
    path = data.with_name(f"{data.name}.log")
    with path.open("w") as log:
        process = psutil.Popen(
            [*command, code, *words(data, *options)],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={**os.environ, **(environment or {})},
        )
    assert process.stdout is not None
    return Server(process, process.stdout, path)


@contextmanager
def serving(
    data: Path, *options: str, **how: Any
) -> Iterator[tuple[Server, httpx2.Client]]:
    """Start a server; give it and a client once it is ready."""
    with started(data, *options, **how) as server:
        server.wait_until_ready()
        with server.client() as client:
            yield server, client
