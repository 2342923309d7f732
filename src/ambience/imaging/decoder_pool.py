"""A pool of processes that decode images for this one, started on demand."""

import atexit
import logging
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from ambience.core import errors
from ambience.core.cancellation import Caller
from ambience.core.errors import (
    BadInputError,
    StoppedError,
    TooLargeError,
    TooSlowError,
    TruncatedImageError,
    UnavailableError,
)
from ambience.imaging.budget import PATIENCE_S, Budget
from ambience.imaging.formats import Format, sniff
from ambience.imaging.image_header import ImageInfo
from ambience.imaging.limits import MEBI, Limits
from ambience.imaging.worker_process import WorkerProcess

_log = logging.getLogger(__name__)

_NOT_WANTED: Final = "nobody is waiting for this image any more"
_FEWEST: Final = 2  # so that one slow image doesn't hold up all others
_START_S: Final = 2.0  # most processes are ready within a tenth of that
_EXIT_S: Final = 5.0  # how long a process may take to exit after its output ends


@dataclass(frozen=True, slots=True)
class DecodeRequest:
    """An image to decode, and what to do with it.

    Attributes:
        task: One of the tasks of `ambience.imaging.worker`.
        options: The options of the task.
        data: The whole file.
        limits: What decoding it may cost.
        caller: Who is waiting for it.
        prepaid: Bytes of memory that it may take without asking. This saves a round
            trip, which takes as long as decoding a small image.
    """

    task: str
    options: Mapping[str, Any]
    data: bytes
    limits: Limits
    caller: Caller
    prepaid: int = 0

    @property
    def header(self) -> dict[str, Any]:
        """The message that is sent before the file."""
        limits = asdict(self.limits)
        return {
            "task": self.task,
            "options": self.options,
            "limits": limits,
            "prepaid": self.prepaid,
        }


@dataclass(frozen=True, slots=True)
class DecoderReply:
    """The result of a request.

    Attributes:
        info: The image's header; ``None`` if it could not be read.
        result: The description of the payload, as the task defines it.
        payload: The bytes that the task made.
        failure: Why there is no result, if so.
    """

    info: ImageInfo | None
    result: Mapping[str, Any]
    payload: bytes = b""
    failure: BadInputError | None = None


class DecoderPool:
    """Passes images to processes, within the limits of each and of all together.

    Any thread may call it. A process that crashes, takes too long or whose caller has
    left is killed and replaced.

    Args:
        size: The largest number of processes; ``None`` for one per processor.
        patience_s: See `Budget`.
    """

    def __init__(
        self, size: int | None = None, *, patience_s: float = PATIENCE_S
    ) -> None:
        self.size = max(_FEWEST, os.cpu_count() or 1) if size is None else size
        self.places = Budget(patience_s=patience_s)
        self.memory = Budget(patience_s=patience_s)
        self._lock = threading.Lock()  # guards everything below
        self._idle: list[WorkerProcess] = []
        self._at_work: set[WorkerProcess] = set()
        self._has_stopped = False
        self._trouble = ""
        self._start: threading.Thread | None = None  # starts a process in advance

    def run(self, request: DecodeRequest) -> DecoderReply:
        """Decode an image.

        Raises:
            UnavailableError: If no process can be started, or the caller isn't patient
                and other images take too long.
            StoppedError: If the caller leaves, or `stop` is called.
        """
        try:
            request.limits.check_bytes(len(request.data))
            kind = sniff(request.data)
        except BadInputError as error:
            return DecoderReply(None, {}, failure=error)
        with self.places.taken(1, whole=self.size, caller=request.caller):
            worker = self._taken(request.caller)
            in_step = False
            try:
                reply = self._converse(worker, request, kind)
                in_step = True
            except (EOFError, OSError):
                worker.reap(within_s=_EXIT_S)
                if worker.was_stopped:
                    raise StoppedError(_NOT_WANTED) from None
                return DecoderReply(
                    None, {}, failure=_breakdown(worker, kind, request.limits)
                )
            except UnavailableError:
                in_step = not worker.was_stopped
                raise
            finally:
                self._given_back(worker, in_step=in_step)
        return reply

    def trouble(self, max_decode_s: float) -> str | None:
        """Return why no image can be decoded; ``None`` if no reason is known.

        It returns at once. If no process could be started, it begins another attempt.

        Args:
            max_decode_s: How long one image may take.
        """
        patience_s = 2 * max_decode_s + PATIENCE_S  # the first waits for one image only
        waits_s = max(self.places.head_waits_s(), self.memory.head_waits_s())
        if waits_s > patience_s:
            return f"an image has waited for {waits_s:.0f} s to be decoded"
        trouble = self._trouble
        if trouble:
            self.warm_up()
        return trouble or None

    def warm_up(self) -> None:
        """Start a process in the background, so that the first image needn't wait."""
        with self._lock:
            if self._start is not None and self._start.is_alive():
                return
            self._start = threading.Thread(
                target=self._start_one, name="decoder-start", daemon=True
            )
            self._start.start()

    def stop(self) -> None:
        """Stop all decodes and refuse new ones until `resume`."""
        with self._lock:
            self._has_stopped = True
            at_work = list(self._at_work)
        for worker in at_work:
            worker.stop()
        self.places.refuse_all()
        self.memory.refuse_all()

    def resume(self) -> None:
        """Accept images again after `stop`."""
        with self._lock:
            self._has_stopped = False

    def close(self) -> None:
        """End all processes."""
        self.stop()
        with self._lock:
            idle, self._idle = self._idle, []
        for worker in idle:
            worker.end()

    def _start_one(self) -> None:
        try:
            with self.places.taken(1, whole=self.size, caller=Caller()):
                self._given_back(self._started(Caller()), in_step=True)
        except StoppedError:
            return  # this process is ending and needs no other
        except UnavailableError as error:
            _log.warning("%s", error)

    def _taken(self, caller: Caller) -> WorkerProcess:
        """Return a process that is ready, and that `stop` may now kill."""
        worker = self._idle_worker()
        if worker is None and self._start is not None:
            self._start.join(_START_S)  # it is ready sooner than a new one
            worker = self._idle_worker()
        return self._started(caller) if worker is None else worker

    def _idle_worker(self) -> WorkerProcess | None:
        """Take an idle process; ``None`` if there is none."""
        with self._lock:
            self._check_not_stopped()
            while self._idle:
                worker = self._idle.pop()
                if worker.is_alive:
                    self._trouble = ""
                    self._at_work.add(worker)
                    worker.at_work(is_killable=True)
                    return worker
                worker.reap()
        return None

    def _started(self, caller: Caller) -> WorkerProcess:
        try:
            worker = WorkerProcess()
        except OSError as error:
            self._trouble = (
                "images can't be decoded now: no process can be started "
                f"({error.strerror or error})"
            )
            raise UnavailableError(self._trouble) from error
        worker.at_work(is_killable=True)
        with self._lock:
            self._at_work.add(worker)
            has_stopped = self._has_stopped
        if has_stopped:
            worker.stop()
        try:
            with caller.on_leaving(worker.stop):
                worker.wait_until_ready()
        except UnavailableError as error:
            with self._lock:
                self._at_work.discard(worker)
            if worker.was_stopped:
                raise StoppedError(_NOT_WANTED) from error
            self._trouble = str(error)
            raise
        self._trouble = ""
        return worker

    def _given_back(self, worker: WorkerProcess, *, in_step: bool) -> None:
        worker.at_work(is_killable=False)
        in_step = in_step and not worker.was_stopped
        with self._lock:
            self._at_work.discard(worker)
            if in_step and not self._has_stopped:
                self._idle.append(worker)
                return
        if in_step:
            worker.end()
        else:
            worker.reap()

    def _converse(
        self, worker: WorkerProcess, request: DecodeRequest, kind: Format
    ) -> DecoderReply:
        """Send a request to a process, and return its reply.

        Raises:
            EOFError: If the process ends.
            OSError: If the process ends.
        """
        caller, whole = request.caller, request.limits.decoding_bytes
        with (
            self.memory.taken(request.prepaid, whole=whole, caller=caller),
            caller.on_leaving(worker.stop),
        ):
            worker.send(request.header, request.data)
            first, payload = worker.receive()
        if "error" in first:
            return _failed(first)
        if "cost" not in first:
            return DecoderReply(_info(first), first, payload)
        info, cost = _info(first), int(first["cost"])
        if cost > whole:
            worker.send({"go": False})
            return DecoderReply(info, {}, failure=_too_large(kind, cost, whole))
        try:
            with (
                self.memory.taken(cost, whole=whole, caller=caller),
                caller.on_leaving(worker.stop),
            ):
                worker.send({"go": True})
                last, payload = worker.receive()
        except UnavailableError:
            worker.send({"go": False})
            raise
        return _failed(last) if "error" in last else DecoderReply(info, last, payload)

    def _check_not_stopped(self) -> None:
        if self._has_stopped:
            raise StoppedError("no more images are decoded: this process is ending")


def _failed(message: Mapping[str, Any]) -> DecoderReply:
    kind: type[BadInputError] = getattr(errors, message["error"])
    info = _info(message) if message["info"] else None
    return DecoderReply(info, {}, failure=kind(message["sentence"]))


def _info(message: Mapping[str, Any]) -> ImageInfo:
    said = message["info"]
    height, width = said["size"]
    taken_at = said["taken_at"]
    return ImageInfo(
        format=Format(said["format"]),
        size=(height, width),
        taken_at=datetime.fromisoformat(taken_at) if taken_at else None,
        frames=said["frames"],
    )


def _too_large(kind: Format, cost: int, whole: int) -> TooLargeError:
    return TooLargeError(
        f"decoding this {kind.label} takes {cost / MEBI:,.0f} MiB of memory, more than "
        f"the limit of {whole / MEBI:,.0f}: make it smaller, or raise "
        "limits.decoding_mib"
    )


def _breakdown(worker: WorkerProcess, kind: Format, limits: Limits) -> BadInputError:
    if worker.was_too_slow:
        return TooSlowError(
            f"decoding this {kind.label} takes longer than the limit of "
            f"{limits.max_decode_s:g} s: save it again as a plain JPEG or PNG, or "
            "raise limits.max_decode_s"
        )
    return TruncatedImageError(
        f"the {kind.label} can't be decoded: the process that tried broke down. It "
        "may be damaged: save it again as JPEG or PNG and use that"
    )


class _Shared:
    """Holds the pool of this process; a forked process gets its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pool: DecoderPool | None = None
        atexit.register(self._close)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forget)

    def pool(self) -> DecoderPool:
        """Return the pool, created on the first call."""
        with self._lock:
            if self._pool is None:
                self._pool = DecoderPool()
            return self._pool

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self._pool = None

    def _close(self) -> None:
        if self._pool is not None:
            self._pool.close()


_shared: Final = _Shared()


def shared_pool() -> DecoderPool:
    """Return the pool of this process, without starting a decoder process."""
    return _shared.pool()


@contextmanager
def stop_decoding(*, within_s: float) -> Iterator[None]:
    """Stop decodes that don't end soon, during the block.

    A command uses this to end: threads that are waiting for an image return.

    Args:
        within_s: How long to wait before stopping the decodes, in seconds.
    """
    pool = shared_pool()
    timer = threading.Timer(within_s, pool.stop)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        pool.resume()
