"""Asks or tells every service at once, and waits for none longer than it may take."""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Generic, TypeAlias, TypeVar

from ambience.core.errors import UnavailableError

T = TypeVar("T")

_THREADS = 8  # that may ask one service at once; further questions wait for one of them
_LONG_S = 1.0  # waiting so long for nothing is not repeated by every search
_PAUSE_S = 5.0  # how long a service is left out after that
_CLOSE_S = 10.0  # what an end waits for questions under way: longer than most searches

Clock: TypeAlias = Callable[[], float]


@dataclass(frozen=True, slots=True)
class ServiceAnswer(Generic[T]):
    """What one service said, and how long it took.

    Attributes:
        answer: Such as its matches.
        took_ms: Milliseconds.
    """

    answer: T
    took_ms: float


@dataclass(frozen=True, slots=True)
class Heard(Generic[T]):
    """What came of one round of questions, in the order in which they were asked.

    Attributes:
        said: What each service said, by name.
        failed: Why a service said nothing, by name.
    """

    said: Mapping[str, ServiceAnswer[T]]
    failed: Mapping[str, Exception]


def _short_pause(_: float) -> float:
    return _PAUSE_S


class FanOut(Generic[T]):
    """Asks services, each in threads of its own and within its own time limit.

    A service that hangs keeps its own threads, never another's. Each question is asked
    once: what may be repeated is known to whoever carries it there.

    A service that made a caller wait for long and then had no answer is left out for
    some seconds; one caller then tries it, the others leave it out until that one has
    heard from it. A service that refuses at once costs nothing, and is asked each time.

    Args:
        timeouts_s: How long each service is waited for, by name, in seconds.
        threads: How many questions a service is asked at once.
        pause_s: Returns how long a service is left out that was waited for in vain for
            so many seconds.
        clock: Tells the time, in seconds.
    """

    def __init__(
        self,
        timeouts_s: Mapping[str, float],
        *,
        threads: int = _THREADS,
        pause_s: Callable[[float], float] = _short_pause,
        clock: Clock = time.monotonic,
    ) -> None:
        self._lines = {
            name: _Line[T](name, timeout_s, threads, pause_s, clock)
            for name, timeout_s in timeouts_s.items()
        }

    def ask(
        self,
        questions: Mapping[str, Callable[[], T]],
        *,
        bearable: tuple[type[Exception], ...],
    ) -> Heard[T]:
        """Ask services at once; return when each has answered, or had its time.

        Args:
            questions: What to ask, by the name of the service.
            bearable: The errors that concern one service only. Another one is raised
                as soon as it is heard of.
        """
        expected: tuple[type[Exception], ...] = (UnavailableError, *bearable)
        asked: dict[str, _Asked[T]] = {}
        said: dict[str, ServiceAnswer[T]] = {}
        why: dict[str, Exception] = {}
        for name, question in questions.items():
            try:
                asked[name] = self._lines[name].ask(question)
            except UnavailableError as error:
                why[name] = error
        try:
            for name, one in asked.items():
                try:
                    said[name] = self._lines[name].answer(one)
                except expected as error:
                    why[name] = error
        finally:
            for one in asked.values():
                one.answer.cancel()  # those that nobody has begun with
        return Heard(said, {name: why[name] for name in questions if name in why})

    def close(self, *, within_s: float = _CLOSE_S) -> None:
        """End the threads; one that hangs is left behind, and ends with the process.

        Args:
            within_s: How long questions under way are waited for, in seconds.
        """
        deadline = time.monotonic() + within_s
        for line in self._lines.values():
            line.end()
        for line in self._lines.values():
            line.join(deadline)


@dataclass(slots=True, eq=False)
class _Asked(Generic[T]):
    """A question on its way.

    Attributes:
        question: What is asked.
        deadline: Until when it is waited for, as `time.monotonic` tells it.
        is_trial: Whether it finds out if the service is back.
        answer: Set by the thread that asks.
        is_given_up: Whether nobody waits any more, although a thread is at it.
    """

    question: Callable[[], T]
    deadline: float
    is_trial: bool
    answer: "Future[ServiceAnswer[T]]" = field(default_factory=Future)
    is_given_up: bool = False


class _Line(Generic[T]):
    """The threads that ask one service, and how it has been lately."""

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
        self._questions: SimpleQueue[_Asked[T] | None] = SimpleQueue()
        self._lock = Lock()  # of all below
        self._threads: list[Thread] = []
        self._open = 0  # questions that no thread is done with
        self._hanging = 0  # of these, those that nobody waits for any more
        self._has_ended = False
        self._why = ""  # the service is left out; empty: it is not
        self._until = 0.0
        self._is_tried = False

    def ask(self, question: Callable[[], T]) -> _Asked[T]:
        """Give a question to a thread.

        Raises:
            UnavailableError: If the service is left out, or no thread comes back.
        """
        with self._lock:
            if self._why and (self._is_tried or self._clock() < self._until):
                raise UnavailableError(f"{self._why}; left out until it is tried again")
            if self._has_ended or self._hanging >= self._most:
                raise UnavailableError(self._busy())
            self._is_tried = bool(self._why)
            deadline = time.monotonic() + self._timeout_s
            asked = _Asked(question, deadline, is_trial=self._is_tried)
            self._open += 1
            if len(self._threads) < min(self._open, self._most):
                name = f"ask-{self._name}-{len(self._threads)}"
                # A daemon: the process must be able to end while a service hangs.
                thread = Thread(target=self._work, name=name, daemon=True)
                self._threads.append(thread)
                thread.start()
        self._questions.put(asked)
        return asked

    def answer(self, asked: _Asked[T]) -> ServiceAnswer[T]:
        """Wait for an answer.

        Raises:
            UnavailableError: If there is none in time.
        """
        try:
            return asked.answer.result(max(0.0, asked.deadline - time.monotonic()))
        except TimeoutError:
            if asked.answer.cancel():
                raise UnavailableError(self._busy()) from None
        return self._given_up(asked)

    def end(self) -> None:
        """Take no more questions, and let the threads go."""
        with self._lock:
            self._has_ended = True
            for _ in self._threads:
                self._questions.put(None)

    def join(self, deadline: float) -> None:
        """Wait for the threads, until a point in time."""
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _given_up(self, asked: _Asked[T]) -> ServiceAnswer[T]:
        """Stop waiting, unless the answer has come in this very moment."""
        with self._lock:
            if not asked.answer.done():
                asked.is_given_up = True
                self._hanging += 1
                why = (
                    f"{self._name} gave no answer within {self._timeout_s:g} s: see "
                    f"whether it hangs, or raise services.{self._name}.timeout_s"
                )
                self._leave_out(why, self._timeout_s)
                raise UnavailableError(why)
        return asked.answer.result()

    def _work(self) -> None:
        while True:
            asked = self._questions.get()
            if asked is None:
                return
            self._ask(asked)
            del asked  # and the image in it, while this thread waits

    def _ask(self, asked: _Asked[T]) -> None:
        """Ask, and tell whoever waits, after noting how the service is."""
        if not asked.answer.set_running_or_notify_cancel():
            with self._lock:
                self._open -= 1
                if asked.is_trial:
                    self._is_tried = False
            return
        began, start = self._clock(), time.perf_counter()
        try:
            answer = asked.question()
        except BaseException as error:  # noqa: BLE001 -- raised by whoever waits for it
            took_s = self._clock() - began
            # What is wrong with the question says nothing against the service.
            out_of_order = isinstance(error, UnavailableError)
            with self._lock:
                self._note(asked, str(error) if out_of_order else "", took_s)
                asked.answer.set_exception(error)
        else:
            took_ms = 1000 * (time.perf_counter() - start)
            with self._lock:
                self._note(asked, "", 0.0)
                asked.answer.set_result(ServiceAnswer(answer, took_ms))

    def _note(self, asked: _Asked[T], why: str, took_s: float) -> None:
        """Note that a thread is done, and why there was no answer."""
        self._open -= 1
        if asked.is_given_up:
            self._hanging -= 1
        elif why and took_s >= min(_LONG_S, self._timeout_s / 2):
            self._leave_out(why, took_s)
        else:
            self._why, self._is_tried = "", False

    def _leave_out(self, why: str, waited_s: float) -> None:
        self._why, self._is_tried = why, False
        self._until = self._clock() + self._pause_s(waited_s)

    def _busy(self) -> str:
        return f"{self._name} is busy: all {self._most} threads that ask it are taken"
