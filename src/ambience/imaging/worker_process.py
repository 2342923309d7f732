"""One process that decodes, as seen from the one that started it."""

import io
import os
import signal
import subprocess
import sys
import threading
from typing import Any, BinaryIO, Final, cast

from ambience.core.errors import UnavailableError
from ambience.imaging.wire import TOO_SLOW_CODE, Header, receive, send

_END_S: Final = 5.0  # for a worker to end by itself; it has nothing to do any more

ENVIRONMENT: Final = {
    "OPENBLAS_NUM_THREADS": "1",  # nothing here multiplies matrices
    # Large blocks go back to the system at once, and few small ones are kept.
    "PILLOW_BLOCK_SIZE": "64m",
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_MMAP_THRESHOLD_": str(4 * 2**20),
    "MALLOC_TRIM_THRESHOLD_": str(16 * 2**20),
}


class WorkerProcess:
    """Decodes one image at a time, and can be killed from any thread.

    Raises:
        OSError: If the system starts no process.
    """

    def __init__(self) -> None:
        # Its own session: Ctrl-C in a terminal is not meant for it. `-P`: no file of
        # the current folder stands in for a module.
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
        """Its number."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    @property
    def was_too_slow(self) -> bool:
        """Whether it ended as a decode took longer than it may."""
        alarm = -signal.SIGALRM if sys.platform != "win32" else TOO_SLOW_CODE
        return self._process.returncode in (alarm, TOO_SLOW_CODE)

    def wait_until_ready(self) -> None:
        """Return once it can take an image.

        Raises:
            UnavailableError: If it ended instead.
        """
        try:
            receive(self._source)
        except (EOFError, OSError) as error:
            raise UnavailableError(
                "images can't be decoded now: the process that decodes them ends as it "
                f"starts (exit code {self.bury(within_s=_END_S)}); the log says why"
            ) from error

    def ask(self, header: Header, data: bytes = b"") -> None:
        """Send a message.

        Raises:
            OSError: If it has ended.
        """
        send(self._sink, header, data)

    def answer(self) -> tuple[dict[str, Any], bytes]:
        """Wait for a message.

        Raises:
            EOFError: If it has ended.
        """
        return receive(self._source)

    def at_work(self, *, is_killable: bool) -> None:
        """Say whether `stop` may kill it: while nobody's image is in it, it may not."""
        with self._lock:
            self._is_killable = is_killable

    def stop(self) -> None:
        """Kill it, if what it does is not done yet; return at once."""
        with self._lock:
            if self._is_killable:
                self.was_stopped = True
                self._process.kill()

    def bury(self, *, within_s: float = 0.0) -> int:
        """Let go of what it had, once it has ended; return its exit code.

        Args:
            within_s: After so many seconds it is killed.
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
        """Let it end by itself, as it has nothing to do."""
        self._sink.close()
        self.bury(within_s=_END_S)
