"""Asks all services at once, and waits for each no longer than its time limit."""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Generic, TypeAlias, TypeVar

from ambience.core.errors import UnavailableError

T = TypeVar("T")

_THREADS = 8  # that ask one service at once; further questions wait for one of them
_LONG_S = 1.0  # a wait this long without an answer is not repeated by every search
_PAUSE_S = 5.0  # how long the service is skipped after that
_CLOSE_S = 10.0  # how long `close` waits for running questions; most are faster

Clock: TypeAlias = Callable[[], float]


@dataclass(frozen=True, slots=True)
class ServiceAnswer(Generic[T]):
    """What one service answered, and how long that took.

    Attributes:
        answer: Its answer, such as matches.
        took_ms: Time in milliseconds.
    """

    answer: T
    took_ms: float


@dataclass(frozen=True, slots=True)
class FanOutResult(Generic[T]):
    """The answers and errors of one round of questions, in the order of the questions.

    Attributes:
        said: The answers, by service.
        failed: The errors, by service.
    """

    said: Mapping[str, ServiceAnswer[T]]
    failed: Mapping[str, Exception]


def _short_pause(_: float) -> float:
    return _PAUSE_S


class FanOut(Generic[T]):
    """Asks services, each in its own threads and within its own time limit.

    A service that hangs blocks its own threads, never those of another. Each question
    is asked once; retries are up to the transport, which knows what may be repeated.

    A service that kept a caller waiting and gave no answer is skipped for some seconds.
    Then one caller tries it again, while the others skip it until that one has an
    answer. A service that refuses at once costs nothing and is asked every time.

    Args:
        timeouts_s: Time limit of each service, by name, in seconds.
        threads: Questions that a service is asked at once.
        pause_s: Returns how many seconds to skip a service, given how many seconds it
            was waited for in vain.
        clock: Returns the time in seconds.
    """

    def __init__(
        self,
        timeouts_s: Mapping[str, float],
        *,
        threads: int = _THREADS,
        pause_s: Callable[[float], float] = _short_pause,
        clock: Clock = time.monotonic,
    ) -> None:
        self._services = {
            name: _ServiceThreads[T](name, timeout_s, threads, pause_s, clock)
            for name, timeout_s in timeouts_s.items()
        }

    def ask(
        self,
        questions: Mapping[str, Callable[[], T]],
        *,
        bearable: tuple[type[Exception], ...],
    ) -> FanOutResult[T]:
        """Ask services at once; return when each has answered or used up its time.

        Args:
            questions: What to ask, by service.
            bearable: Errors that concern only one service and are returned. Any other
                error is raised at once.
        """
        expected: tuple[type[Exception], ...] = (UnavailableError, *bearable)
        asked: dict[str, _PendingQuestion[T]] = {}
        said: dict[str, ServiceAnswer[T]] = {}
        why: dict[str, Exception] = {}
        for name, question in questions.items():
            try:
                asked[name] = self._services[name].ask(question)
            except UnavailableError as error:
                why[name] = error
        try:
            for name, one in asked.items():
                try:
                    said[name] = self._services[name].answer(one)
                except expected as error:
                    why[name] = error
        finally:
            for one in asked.values():
                one.answer.cancel()  # questions that no thread has started
        return FanOutResult(
            said, {name: why[name] for name in questions if name in why}
        )

    def close(self, *, within_s: float = _CLOSE_S) -> None:
        """End the threads; one that hangs is abandoned, and ends with the process.

        Args:
            within_s: How long to wait for running questions, in seconds.
        """
        deadline = time.monotonic() + within_s
        for threads in self._services.values():
            threads.end()
        for threads in self._services.values():
            threads.join(deadline)


@dataclass(slots=True, eq=False)
class _PendingQuestion(Generic[T]):
    """A question that has not been answered yet.

    Attributes:
        question: What is asked.
        deadline: When the caller stops waiting, in `time.monotonic` seconds.
        is_trial: Whether it tests if a skipped service is back.
        answer: Set by the thread that asks.
        is_given_up: Whether the caller stopped waiting while a thread was asking.
    """

    question: Callable[[], T]
    deadline: float
    is_trial: bool
    answer: "Future[ServiceAnswer[T]]" = field(default_factory=Future)
    is_given_up: bool = False


class _ServiceThreads(Generic[T]):
    """The threads that ask one service, and whether it is skipped."""

    def __init__(
        self,
        name: str,
        timeout_s: float,
        threads: int,
        pause_s: Callable[[float], float],
        clock: Clock,
    ) -> None:
        self._name = name
        self._timeout_s = timeout_s
        self._most = threads
        self._pause_s = pause_s
        self._clock = clock
        self._questions: SimpleQueue[_PendingQuestion[T] | None] = SimpleQueue()
        self._lock = Lock()  # guards everything below
        self._threads: list[Thread] = []
        self._open = 0  # questions without a result
        self._hanging = 0  # of these, the ones nobody waits for
        self._has_ended = False
        self._why = ""  # why the service is skipped; empty if it is not
        self._until = 0.0
        self._is_tried = False

    def ask(self, question: Callable[[], T]) -> _PendingQuestion[T]:
        """Give a question to a thread.

        Raises:
            UnavailableError: If the service is skipped, or all threads hang.
        """
        with self._lock:
            if self._why and (self._is_tried or self._clock() < self._until):
                raise UnavailableError(f"{self._why}; left out until it is tried again")
            if self._has_ended or self._hanging >= self._most:
                raise UnavailableError(self._busy())
            self._is_tried = bool(self._why)
            deadline = time.monotonic() + self._timeout_s
            asked = _PendingQuestion(question, deadline, is_trial=self._is_tried)
            self._open += 1
            if len(self._threads) < min(self._open, self._most):
                name = f"ask-{self._name}-{len(self._threads)}"
                # A daemon, so that the process can end while a service hangs.
                thread = Thread(target=self._work, name=name, daemon=True)
                self._threads.append(thread)
                thread.start()
        self._questions.put(asked)
        return asked

    def answer(self, asked: _PendingQuestion[T]) -> ServiceAnswer[T]:
        """Wait for an answer.

        Raises:
            UnavailableError: If none comes in time.
        """
        try:
            return asked.answer.result(max(0.0, asked.deadline - time.monotonic()))
        except TimeoutError:
            if asked.answer.cancel():
                raise UnavailableError(self._busy()) from None
        return self._given_up(asked)

    def end(self) -> None:
        """Take no more questions, and let the threads end."""
        with self._lock:
            self._has_ended = True
            for _ in self._threads:
                self._questions.put(None)

    def join(self, deadline: float) -> None:
        """Wait for the threads to end, until a deadline."""
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _given_up(self, asked: _PendingQuestion[T]) -> ServiceAnswer[T]:
        """Stop waiting, unless the answer has just come."""
        with self._lock:
            if not asked.answer.done():
                asked.is_given_up = True
                self._hanging += 1
                why = (
                    f"{self._name} gave no answer within {self._timeout_s:g} s: check "
                    f"whether it hangs, or raise services.{self._name}.timeout_s"
                )
                self._skip(why, self._timeout_s)
                raise UnavailableError(why)
        return asked.answer.result()

    def _work(self) -> None:
        while True:
            asked = self._questions.get()
            if asked is None:
                return
            self._ask(asked)
            del asked  # frees the image in it while this thread waits

    def _ask(self, asked: _PendingQuestion[T]) -> None:
        """Ask, note the state of the service, and then pass on the answer."""
        if not asked.answer.set_running_or_notify_cancel():
            with self._lock:
                self._open -= 1
                if asked.is_trial:
                    self._is_tried = False
            return
        began, start = self._clock(), time.perf_counter()
        try:
            answer = asked.question()
        except BaseException as error:  # noqa: BLE001 -- raised again by the caller that waits
            took_s = self._clock() - began
            # Other errors are the fault of the question, not of the service.
            out_of_order = isinstance(error, UnavailableError)
            with self._lock:
                self._note(asked, str(error) if out_of_order else "", took_s)
                asked.answer.set_exception(error)
        else:
            took_ms = 1000 * (time.perf_counter() - start)
            with self._lock:
                self._note(asked, "", 0.0)
                asked.answer.set_result(ServiceAnswer(answer, took_ms))

    def _note(self, asked: _PendingQuestion[T], why: str, took_s: float) -> None:
        """Note that a question is done, and why there was no answer, if so."""
        self._open -= 1
        if asked.is_given_up:
            self._hanging -= 1
        elif why and took_s >= min(_LONG_S, self._timeout_s / 2):
            self._skip(why, took_s)
        else:
            self._why, self._is_tried = "", False

    def _skip(self, why: str, waited_s: float) -> None:
        self._why, self._is_tried = why, False
        self._until = self._clock() + self._pause_s(waited_s)

    def _busy(self) -> str:
        return f"{self._name} is busy: all {self._most} threads that ask it are taken"
