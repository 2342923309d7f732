"""A decoder process, as seen by the process that started it."""

import io
import os
import signal
import subprocess
import sys
import threading
from typing import Any, BinaryIO, Final, cast

from ambience.core.errors import UnavailableError
from ambience.imaging.worker_messages import TOO_SLOW_CODE, MessageHeader, receive, send

_END_S: Final = 5.0  # how long an idle worker may take to exit by itself

ENVIRONMENT: Final = {
    "OPENBLAS_NUM_THREADS": "1",  # decoding multiplies no large matrices
    # Return large blocks to the system at once, and keep few small ones.
    "PILLOW_BLOCK_SIZE": "64m",
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_MMAP_THRESHOLD_": str(4 * 2**20),
    "MALLOC_TRIM_THRESHOLD_": str(16 * 2**20),
}


class WorkerProcess:
    """Decodes one image at a time, and can be killed from any thread.

    Raises:
        OSError: If the system can't start a process.
    """

    def __init__(self) -> None:
        # It gets its own session, so that Ctrl-C in a terminal doesn't reach it. `-P`
        # keeps files of the current folder from being imported as modules.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "ambience.imaging.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            env={**os.environ, **ENVIRONMENT},
            start_new_session=True,
        )
        self._sink = cast("BinaryIO", self._process.stdin)
        self._source = io.BufferedReader(cast("io.RawIOBase", self._process.stdout))
        self._lock = threading.Lock()
        self._is_killable = False
        self.was_stopped = False

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it is running."""
        return self._process.poll() is None

    @property
    def was_too_slow(self) -> bool:
        """Whether it exited because a decode exceeded its time limit."""
        alarm = -signal.SIGALRM if sys.platform != "win32" else TOO_SLOW_CODE
        return self._process.returncode in (alarm, TOO_SLOW_CODE)

    def wait_until_ready(self) -> None:
        """Wait until it can take an image.

        Raises:
            UnavailableError: If it exits instead.
        """
        try:
            receive(self._source)
        except (EOFError, OSError) as error:
            raise UnavailableError(
                "images can't be decoded now: the process that decodes them exits on "
                f"startup (exit code {self.reap(within_s=_END_S)}); the log says why"
            ) from error

    def send(self, header: MessageHeader, data: bytes = b"") -> None:
        """Send a message.

        Raises:
            OSError: If it has exited.
        """
        send(self._sink, header, data)

    def receive(self) -> tuple[dict[str, Any], bytes]:
        """Wait for a message.

        Raises:
            EOFError: If it has exited.
        """
        return receive(self._source)

    def at_work(self, *, is_killable: bool) -> None:
        """Set whether `stop` may kill it; it may not while the process is idle."""
        with self._lock:
            self._is_killable = is_killable

    def stop(self) -> None:
        """Kill it if it is working on an image; return at once."""
        with self._lock:
            if self._is_killable:
                self.was_stopped = True
                self._process.kill()

    def reap(self, *, within_s: float = 0.0) -> int:
        """Wait for it to exit and release its pipes; return its exit code.

        Args:
            within_s: How long to wait before killing it, in seconds.
        """
        try:
            code = self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        self._sink.close()
        self._source.close()
        return code

    def end(self) -> None:
        """Let it exit by itself; it must be idle."""
        self._sink.close()
        self.reap(within_s=_END_S)
