"""However many images arrive at once, only so much is taken at the same time."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from ambience.core.cancellation import Caller
from ambience.core.errors import StoppedError, UnavailableError
from ambience.imaging.budget import Budget

WHOLE = 100
PATIENT = Caller(patient=True)

WAIT_S = 30  # generous: a busy machine starts threads slowly


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


class Visitor:
    """A thread that takes a part of a budget, and keeps it until told to leave."""

    def __init__(self, budget: Budget, part: int, caller: Caller = PATIENT) -> None:
        self.inside = threading.Event()
        self.leave = threading.Event()
        self.error: Exception | None = None
        self._budget, self._part, self._caller = budget, part, caller
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            with self._budget.taken(self._part, whole=WHOLE, caller=self._caller):
                self.inside.set()
                self.leave.wait(WAIT_S)
        except UnavailableError as error:
            self.error = error

    def end(self) -> None:
        self.leave.set()
        self._thread.join(WAIT_S)
        assert not self._thread.is_alive()


def test_what_fits_goes_at_once_and_the_rest_waits() -> None:
    budget = Budget()
    first, second = Visitor(budget, 60), Visitor(budget, 40)
    assert first.inside.wait(WAIT_S)
    assert second.inside.wait(WAIT_S)
    third = Visitor(budget, 1)
    until(lambda: budget.waiting == 1)
    assert not third.inside.is_set()
    second.end()
    assert third.inside.wait(WAIT_S)
    first.end()
    third.end()


def test_a_large_one_is_not_passed_by_small_ones_for_good() -> None:
    budget = Budget()
    before = Visitor(budget, 50)
    assert before.inside.wait(WAIT_S)
    large = Visitor(budget, 90)
    until(lambda: budget.waiting == 1)
    small = Visitor(budget, 20)
    until(lambda: budget.waiting == 2)
    assert not small.inside.is_set()  # though it would fit beside the first
    before.end()
    assert large.inside.wait(WAIT_S)
    assert not small.inside.is_set()
    large.end()
    assert small.inside.wait(WAIT_S)
    small.end()


def test_more_than_the_whole_is_never_waited_for() -> None:
    with (
        pytest.raises(ValueError, match="more than the whole"),
        Budget().taken(WHOLE + 1, whole=WHOLE, caller=PATIENT),
    ):
        pass


def test_a_caller_who_goes_leaves_the_line() -> None:
    budget, caller = Budget(), Caller()
    before = Visitor(budget, WHOLE)
    assert before.inside.wait(WAIT_S)
    large, small = Visitor(budget, WHOLE, caller), Visitor(budget, 1)
    until(lambda: budget.waiting == 2)
    caller.leave()
    large.end()
    assert isinstance(large.error, StoppedError)
    assert budget.waiting == 1
    before.end()
    assert small.inside.wait(WAIT_S)
    small.end()


def test_who_is_not_patient_is_told_that_the_server_is_busy() -> None:
    budget = Budget(patience_s=0.01)
    before = Visitor(budget, WHOLE)
    assert before.inside.wait(WAIT_S)
    patient = Visitor(budget, 1)
    until(lambda: budget.waiting == 1)
    hurried = Visitor(budget, 1, Caller())
    until(lambda: hurried.error is not None)
    assert "busy" in str(hurried.error)
    assert budget.head_waits_s() > 0
    before.end()
    assert patient.inside.wait(WAIT_S)
    patient.end()
    assert budget.head_waits_s() == 0


def test_all_who_wait_can_be_sent_away() -> None:
    budget = Budget()
    before = Visitor(budget, WHOLE)
    assert before.inside.wait(WAIT_S)
    others = [Visitor(budget, part) for part in (1, WHOLE)]
    until(lambda: budget.waiting == 2)
    budget.refuse_all()
    for other in others:
        other.end()
        assert isinstance(other.error, StoppedError)
    before.end()
    after = Visitor(budget, WHOLE)
    assert after.inside.wait(WAIT_S)
    after.end()


def test_failures_give_all_of_it_back() -> None:
    budget = Budget()

    def fail(part: int) -> None:
        with (
            pytest.raises(ValueError, match="broken"),
            budget.taken(part, whole=WHOLE, caller=PATIENT),
        ):
            raise ValueError("broken")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(fail, [10, 20, 30, 70] * 100))
    whole = Visitor(budget, WHOLE)
    assert whole.inside.wait(WAIT_S)
    whole.end()
