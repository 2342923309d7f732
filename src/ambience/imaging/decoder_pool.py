"""The processes that decode for this one: a few, started when they are needed."""

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
from ambience.imaging.limits import MEBI, Limits
from ambience.imaging.opening import ImageInfo
from ambience.imaging.worker_process import WorkerProcess

_log = logging.getLogger(__name__)

_FEWEST: Final = 2  # one slow image does not hold up all others
_START_S: Final = 2.0  # most processes are ready within a tenth of that
_EXIT_S: Final = 5.0  # from the end of its output to the end of a process


@dataclass(frozen=True, slots=True)
class Order:
    """An image to decode.

    Attributes:
        task: What is made of it, one of `worker`'s.
        options: Of the task.
        data: The file.
        limits: What it may cost.
        caller: Who waits for it.
        prepaid: Bytes of memory that it may take without asking. What takes more asks
            as any other; the way there and back takes as long as a small image.
    """

    task: str
    options: Mapping[str, Any]
    data: bytes
    limits: Limits
    caller: Caller
    prepaid: int = 0

    @property
    def header(self) -> dict[str, Any]:
        """The message that goes before the file."""
        limits = asdict(self.limits)
        return {
            "task": self.task,
            "options": self.options,
            "limits": limits,
            "prepaid": self.prepaid,
        }


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of an image.

    Attributes:
        info: Its header; ``None`` if that could not be read.
        result: What the task says of the bytes.
        payload: The bytes.
        failure: Why there are none.
    """

    info: ImageInfo | None
    result: Mapping[str, Any]
    payload: bytes = b""
    failure: BadInputError | None = None


class DecoderPool:
    """Hands images to processes, within the limits of each and of all together.

    Any number of threads may ask at once. A process that breaks down, is too slow or
    works for nobody any more ends, and another takes its place.

    Args:
        size: How many processes at most; ``None``: as many as processors.
        patience_s: See `Budget`.
    """

    def __init__(
        self, size: int | None = None, *, patience_s: float = PATIENCE_S
    ) -> None:
        self.size = max(_FEWEST, os.cpu_count() or 1) if size is None else size
        self.places = Budget(patience_s=patience_s)
        self.memory = Budget(patience_s=patience_s)
        self._lock = threading.Lock()  # of all below
        self._idle: list[WorkerProcess] = []
        self._at_work: set[WorkerProcess] = set()
        self._has_stopped = False
        self._trouble = ""
        self._start: threading.Thread | None = None  # of a process that nobody needs

    def run(self, order: Order) -> Answer:
        """Have an image decoded.

        Raises:
            UnavailableError: If no process can be started, or the others' images take
                longer than the caller waits.
            StoppedError: If the caller goes, or `stop` is called.
        """
        try:
            order.limits.check_bytes(len(order.data))
            kind = sniff(order.data)
        except BadInputError as error:
            return Answer(None, {}, failure=error)
        with self.places.taken(1, whole=self.size, caller=order.caller):
            worker = self._taken(order.caller)
            in_step = False
            try:
                answer = self._talked(worker, order, kind)
                in_step = True
            except (EOFError, OSError):
                worker.bury(within_s=_EXIT_S)
                if worker.was_stopped:
                    raise StoppedError("nobody waits for this image now") from None
                return Answer(None, {}, failure=_breakdown(worker, kind, order.limits))
            except UnavailableError:
                in_step = not worker.was_stopped
                raise
            finally:
                self._given_back(worker, in_step=in_step)
        return answer

    def trouble(self, max_decode_s: float) -> str | None:
        """Return why no image can be decoded, ``None`` if there is no reason known.

        It returns at once; where no process could be started, another try is begun.

        Args:
            max_decode_s: How long one image may take.
        """
        patience_s = 2 * max_decode_s + PATIENCE_S  # who is first waits for one image
        waits_s = max(self.places.head_waits_s(), self.memory.head_waits_s())
        if waits_s > patience_s:
            return f"an image has waited for {waits_s:.0f} s to be decoded"
        trouble = self._trouble
        if trouble:
            self.warm_up()
        return trouble or None

    def warm_up(self) -> None:
        """Begin to start a process, so that the first image does not wait for that."""
        with self._lock:
            if self._start is not None and self._start.is_alive():
                return
            self._start = threading.Thread(
                target=self._start_one, name="decoder-start", daemon=True
            )
            self._start.start()

    def stop(self) -> None:
        """End what is under way and refuse what comes, until `resume`."""
        with self._lock:
            self._has_stopped = True
            at_work = list(self._at_work)
        for worker in at_work:
            worker.stop()
        self.places.refuse_all()
        self.memory.refuse_all()

    def resume(self) -> None:
        """Take images again."""
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
            return  # the process ends, and wants none
        except UnavailableError as error:
            _log.warning("%s", error)

    def _taken(self, caller: Caller) -> WorkerProcess:
        """Return a process that is ready, and is `stop`'s to kill from now on."""
        worker = self._waiting()
        if worker is None and self._start is not None:
            self._start.join(_START_S)  # sooner than one that begins now
            worker = self._waiting()
        return self._started(caller) if worker is None else worker

    def _waiting(self) -> WorkerProcess | None:
        """Return a process that has nothing to do, ``None`` if there is none."""
        with self._lock:
            self._check_going()
            while self._idle:
                worker = self._idle.pop()
                if worker.is_alive:
                    self._trouble = ""
                    self._at_work.add(worker)
                    worker.at_work(is_killable=True)
                    return worker
                worker.bury()
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
                raise StoppedError("nobody waits for this image now") from error
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
            worker.bury()

    def _talked(self, worker: WorkerProcess, order: Order, kind: Format) -> Answer:
        """Hand an image to a process; return what it makes of it.

        Raises:
            EOFError: If the process ends.
            OSError: The same.
        """
        caller, whole = order.caller, order.limits.decoding_bytes
        with (
            self.memory.taken(order.prepaid, whole=whole, caller=caller),
            caller.on_leaving(worker.stop),
        ):
            worker.ask(order.header, order.data)
            first, payload = worker.answer()
        if "error" in first:
            return _failed(first)
        if "cost" not in first:
            return Answer(_info(first), first, payload)
        info, cost = _info(first), int(first["cost"])
        if cost > whole:
            worker.ask({"go": False})
            return Answer(info, {}, failure=_too_large(kind, cost, whole))
        try:
            with (
                self.memory.taken(cost, whole=whole, caller=caller),
                caller.on_leaving(worker.stop),
            ):
                worker.ask({"go": True})
                last, payload = worker.answer()
        except UnavailableError:
            worker.ask({"go": False})
            raise
        return _failed(last) if "error" in last else Answer(info, last, payload)

    def _check_going(self) -> None:
        if self._has_stopped:
            raise StoppedError("no image is decoded any more: this process ends")


def _failed(message: Mapping[str, Any]) -> Answer:
    kind: type[BadInputError] = getattr(errors, message["error"])
    info = _info(message) if message["info"] else None
    return Answer(info, {}, failure=kind(message["sentence"]))


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
            f"{limits.max_decode_s:g} s: save it anew as a plain JPEG or PNG, or raise "
            "limits.max_decode_s"
        )
    return TruncatedImageError(
        f"the {kind.label} can't be decoded: the process that tried broke down. It may "
        "be damaged: save it anew as JPEG or PNG and use that"
    )


class _Shared:
    """The pool of this process; one that is forked off has another."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pool: DecoderPool | None = None
        atexit.register(self._close)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forget)

    def pool(self) -> DecoderPool:
        """Return it."""
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
    """Return the pool of this process; no process is started for that."""
    return _shared.pool()


@contextmanager
def decoding_ends(*, within_s: float) -> Iterator[None]:
    """End what is being decoded, unless it ends by itself soon, during the block.

    For the end of a command: threads that wait for an image come back.

    Args:
        within_s: How long images under way are left alone, in seconds.
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
