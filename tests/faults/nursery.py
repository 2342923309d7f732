"""Starts many servers fast: one process imports everything once, and forks them."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import httpx2
import psutil

from tests.server import PATIENT, Server, words

# The last line is what a server runs; it is started with words and a pipe to print to.
_CODE = """
import json, os, signal, sys
import ambience.cli.serve, ambience.engine.embedded.faiss_kernels
from ambience import registry
from ambience.cli import main
from ambience.engine.embedded import index_follower
from ambience.core.opencv import opencv

# As in use, but for indexes that are written after a few changes instead of 20,000.
index_follower._SNAPSHOT_CHANGES, index_follower._SNAPSHOT_SHARE = 5, 0
for name in registry.BUILTIN:
    registry.load(name)
opencv()  # takes a moment, in each server anew otherwise
signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # who is dead is buried at once
for line in sys.stdin:
    words, output, log = json.loads(line)
    child = os.fork()
    if child:
        print(child, flush=True)
    else:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.dup2(os.open(output, os.O_WRONLY), sys.stdout.fileno())
        os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT), sys.stderr.fileno())
        sys.exit(main(words))
"""


def _unmeasured(environment: Mapping[str, str]) -> dict[str, str]:
    """Return variables without those by which coverage measures a process.

    What is killed never says what it has measured: to do so only takes time.
    """
    return {
        name: value
        for name, value in environment.items()
        if not name.startswith("COVERAGE_PROCESS_")
    }


class Nursery:
    """Starts servers in a tenth of the time, as processes of their own.

    Args:
        folder: A temporary one, for pipes.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process = subprocess.Popen(
            [sys.executable, "-c", _CODE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**PATIENT, **_unmeasured(os.environ)},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._process:
            self._process.kill()

    @contextmanager
    def serving(
        self, data: Path, *options: str
    ) -> Iterator[tuple[Server, httpx2.Client]]:
        """Start a server; give it and a client once it is ready."""
        with (
            self.started(data, *options) as server,
            server.wait_until_ready().client() as client,
        ):
            yield server, client

    def started(self, data: Path, *options: str) -> Server:
        """Start a server; it is not ready yet."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        pipe = self._folder / "output"
        os.mkfifo(pipe)
        log = data.with_name(f"{data.name}.log")
        log.unlink(missing_ok=True)
        order = json.dumps([words(data, *options), str(pipe), str(log)])
        self._process.stdin.write(f"{order}\n")
        self._process.stdin.flush()
        child = psutil.Process(int(self._process.stdout.readline()))
        output = pipe.open()  # opens when the server opens its end
        pipe.unlink()
        return Server(child, output, log)
