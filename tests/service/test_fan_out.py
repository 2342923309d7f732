"""Services are asked at once; one that hangs or fails only shortens the answer."""

from collections.abc import Callable, Iterator, Mapping
from threading import Barrier, BrokenBarrierError, Event, active_count
from typing import Any

import pytest

from ambience.core.errors import (
    BadInputError,
    BusyError,
    StoredDataError,
    UnavailableError,
)
from ambience.core.features import ImageId
from ambience.core.matches import Answer, Match
from ambience.service.fan_out import FanOut, FanOutResult

GUARD_S = 30  # a test that would hang fails instead
SHORT_S = 0.5  # a limit that is meant to pass where nobody answers


class Clock:
    """A clock that stands still until it is told otherwise."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Hanging:
    """A question that nobody answers until the test says so."""

    def __init__(self) -> None:
        self.begun = 0
        self.released = Event()

    def __call__(self) -> Answer:
        self.begun += 1
        assert self.released.wait(GUARD_S)
        return answer(0)


def answer(image_id: int) -> Answer:
    return Answer((Match(ImageId(image_id), 0.0),))


def failing(error: Exception) -> Callable[[], Answer]:
    def question() -> Answer:
        raise error

    return question


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    question = Hanging()
    yield question
    question.released.set()


@pytest.fixture
def clock() -> Clock:
    return Clock()


class Asker:
    """Asks as searches do."""

    def __init__(self, timeouts_s: Mapping[str, float], **how: Any) -> None:
        self._all = FanOut[Answer](timeouts_s, **how)

    def ask(
        self, questions: Mapping[str, Callable[[], Answer]]
    ) -> FanOutResult[Answer]:
        return self._all.ask(questions, bearable=(StoredDataError, BusyError))

    def close(self) -> None:
        self._all.close()


def why(heard: FanOutResult[Answer]) -> dict[str, str]:
    return {name: str(error) for name, error in heard.failed.items()}


def asker(clock: Clock | None = None, **timeouts_s: float) -> Asker:
    return Asker(timeouts_s, threads=2, clock=clock or Clock())


def ids(heard: FanOutResult[Answer]) -> dict[str, list[int]]:
    return {
        name: [match.image_id for match in said.answer.matches]
        for name, said in heard.said.items()
    }


def test_all_are_asked_at_once_and_answer_in_the_order_asked() -> None:
    together = Barrier(2)  # broken if one waited for the other

    def question() -> Answer:
        try:
            together.wait(GUARD_S)
        except BrokenBarrierError:
            return Answer()
        return answer(7)

    both = asker(b=GUARD_S, a=GUARD_S)
    heard = both.ask({"b": question, "a": question})
    both.close()
    assert list(ids(heard).items()) == [("b", [7]), ("a", [7])]
    assert all(said.took_ms >= 0 for said in heard.said.values())


@pytest.mark.parametrize("error", [UnavailableError, StoredDataError, BusyError])
def test_a_service_out_of_order_is_named_and_the_rest_answers(
    error: type[Exception],
) -> None:
    both = asker(a=GUARD_S, b=GUARD_S)
    heard = both.ask({"a": failing(error("that is why")), "b": lambda: answer(7)})
    both.close()
    assert ids(heard) == {"b": [7]}
    assert why(heard) == {"a": "that is why"}


def test_a_question_that_can_never_work_is_the_askers_affair() -> None:
    one = asker(a=GUARD_S)
    with pytest.raises(BadInputError, match="no image"):
        one.ask({"a": failing(BadInputError("no image"))})
    one.close()


def test_a_service_that_hangs_is_not_waited_for_longer_than_its_limit(
    hanging: Hanging,
) -> None:
    both = asker(a=SHORT_S, b=GUARD_S)
    heard = both.ask({"a": hanging, "b": lambda: answer(7)})
    assert ids(heard) == {"b": [7]}
    assert f"gave no answer within {SHORT_S} s" in why(heard)["a"]
    assert "services.a.timeout_s" in why(heard)["a"]
    hanging.released.set()
    both.close()


def test_a_service_that_hung_is_left_out_until_one_search_has_tried_it(
    clock: Clock, hanging: Hanging
) -> None:
    one = asker(clock, a=SHORT_S)
    one.ask({"a": hanging})
    heard = one.ask({"a": lambda: answer(7)})
    assert "left out" in why(heard)["a"]
    clock.now += 5
    during: list[FanOutResult[Answer]] = []

    def trial() -> Answer:
        during.append(one.ask({"a": lambda: answer(8)}))
        return answer(7)

    assert ids(one.ask({"a": trial})) == {"a": [7]}
    assert "left out" in why(during[0])["a"]
    assert ids(one.ask({"a": lambda: answer(9)})) == {"a": [9]}
    hanging.released.set()
    one.close()


def test_a_trial_that_hangs_too_begins_another_pause(
    clock: Clock, hanging: Hanging
) -> None:
    one = asker(clock, a=SHORT_S)
    one.ask({"a": hanging})
    clock.now += 5
    assert "within" in why(one.ask({"a": hanging}))["a"]
    clock.now += 4.9
    assert "left out" in why(one.ask({"a": hanging}))["a"]
    assert hanging.begun == 2
    hanging.released.set()
    one.close()


def test_a_late_answer_does_not_bring_a_service_back(
    clock: Clock, hanging: Hanging
) -> None:
    one = Asker({"a": SHORT_S}, threads=1, clock=clock)
    one.ask({"a": hanging})
    hanging.released.set()
    assert "left out" in why(one.ask({"a": lambda: answer(7)}))["a"]
    one.close()


def test_a_service_that_refuses_at_once_is_asked_each_time(clock: Clock) -> None:
    one = asker(clock, a=GUARD_S)
    for _ in range(3):
        heard = one.ask({"a": failing(UnavailableError("down"))})
        assert why(heard) == {"a": "down"}
    assert ids(one.ask({"a": lambda: answer(7)})) == {"a": [7]}
    one.close()


def test_waiting_long_for_nothing_is_not_repeated(clock: Clock) -> None:
    one = asker(clock, a=GUARD_S)

    def unreachable() -> Answer:
        clock.now += 2
        raise UnavailableError("does not answer")

    assert why(one.ask({"a": unreachable})) == {"a": "does not answer"}
    again = why(one.ask({"a": lambda: answer(7)}))["a"]
    assert again.startswith("does not answer; left out")
    one.close()


def test_a_service_may_be_left_out_for_as_long_as_it_was_waited_for(
    clock: Clock,
) -> None:
    one = Asker(
        {"a": GUARD_S}, threads=1, pause_s=lambda waited_s: 10 * waited_s, clock=clock
    )

    def unreachable() -> Answer:
        clock.now += 2
        raise UnavailableError("does not answer")

    one.ask({"a": unreachable})
    clock.now += 19
    assert "left out" in why(one.ask({"a": lambda: answer(7)}))["a"]
    clock.now += 1
    assert ids(one.ask({"a": lambda: answer(7)})) == {"a": [7]}
    one.close()


def test_a_service_whose_threads_all_hang_is_busy_at_once(
    clock: Clock, hanging: Hanging
) -> None:
    both = asker(clock, a=SHORT_S, b=GUARD_S)
    for _ in range(2):
        both.ask({"a": hanging})
        clock.now += 5
    heard = both.ask({"a": lambda: answer(7), "b": lambda: answer(8)})
    assert ids(heard) == {"b": [8]}
    assert "all 2 threads" in why(heard)["a"]
    assert hanging.begun == 2
    hanging.released.set()
    both.close()


def test_an_end_takes_the_threads_along() -> None:
    before = active_count()
    both = asker(a=GUARD_S, b=GUARD_S)
    both.ask({"a": lambda: answer(7), "b": lambda: answer(8)})
    both.close()
    assert active_count() == before
    assert "busy" in why(both.ask({"a": lambda: answer(7)}))["a"]
