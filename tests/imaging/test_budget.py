"""However many images arrive at once, only so much is decoded at the same time."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from PIL import Image

from ambience.imaging import ImageFile, decoding, full_pixels, rendition
from ambience.imaging.budget import MAX_MEGAPIXELS, Budget
from ambience.imaging.limits import DEFAULT_LIMITS
from tests.imaging.conftest import Encoded

WAIT_S = 30  # generous: a busy machine starts threads slowly


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


class Visitor:
    """A thread that takes a part of a budget, and keeps it until told to leave."""

    def __init__(self, budget: Budget, megapixels: float) -> None:
        self.inside = threading.Event()
        self.leave = threading.Event()
        self._budget, self._megapixels = budget, megapixels
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        with self._budget.taken(self._megapixels):
            self.inside.set()
            self.leave.wait(WAIT_S)

    def end(self) -> None:
        self.leave.set()
        self._thread.join(WAIT_S)
        assert not self._thread.is_alive()


def test_the_largest_image_that_is_allowed_fits() -> None:
    assert DEFAULT_LIMITS.max_megapixels <= MAX_MEGAPIXELS


def test_what_fits_goes_at_once_and_the_rest_waits() -> None:
    budget = Budget(10)
    first, second = Visitor(budget, 6), Visitor(budget, 4)
    assert first.inside.wait(WAIT_S)
    assert second.inside.wait(WAIT_S)
    third = Visitor(budget, 0.1)
    until(lambda: budget.waiting == 1)
    assert not third.inside.is_set()
    second.end()
    assert third.inside.wait(WAIT_S)
    first.end()
    third.end()


def test_a_large_one_is_not_passed_by_small_ones_for_good() -> None:
    budget = Budget(10)
    before = Visitor(budget, 5)
    assert before.inside.wait(WAIT_S)
    large = Visitor(budget, 9)
    until(lambda: budget.waiting == 1)
    small = Visitor(budget, 2)
    until(lambda: budget.waiting == 2)
    assert not small.inside.is_set()  # though it would fit beside the first
    before.end()
    assert large.inside.wait(WAIT_S)
    assert not small.inside.is_set()
    large.end()
    assert small.inside.wait(WAIT_S)
    small.end()


def test_more_than_the_whole_goes_alone() -> None:
    budget = Budget(10)
    small = Visitor(budget, 0.2)
    assert small.inside.wait(WAIT_S)
    huge = Visitor(budget, 1000)
    until(lambda: budget.waiting == 1)
    assert not huge.inside.is_set()
    small.end()
    assert huge.inside.wait(WAIT_S)
    other = Visitor(budget, 0.2)
    until(lambda: budget.waiting == 1)
    assert not other.inside.is_set()
    huge.end()
    other.end()


def test_fractions_and_failures_give_all_of_it_back() -> None:
    budget = Budget(1)

    def fail(part: float) -> None:
        with pytest.raises(ValueError, match="broken"), budget.taken(part):
            raise ValueError("broken")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(fail, [0.1, 0.2, 0.3, 0.7] * 100))
    whole = Visitor(budget, 1)
    assert whole.inside.wait(WAIT_S)
    whole.end()


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The megapixels of every part of the budget that was taken."""
    parts: list[float] = []

    @contextmanager
    def count(megapixels: float) -> Iterator[None]:
        parts.append(megapixels)
        yield

    monkeypatch.setattr(decoding, "decoding", count)
    return parts


def test_every_decode_takes_its_part_of_the_budget(
    photograph: Image.Image, encoded: Encoded, counted: list[float]
) -> None:
    data = encoded(photograph, "PNG")
    _ = ImageFile(data).info
    assert counted == []
    _ = ImageFile(data).image
    full_pixels(data)
    rendition(data, longest_side=100)
    assert counted == [0.63] * 3  # 900 x 700


def test_a_jpeg_counts_as_what_it_is_decoded_to(
    photograph: Image.Image, encoded: Encoded, counted: list[float]
) -> None:
    rendition(encoded(photograph, "JPEG"), longest_side=200)
    assert counted.pop() == 225 * 175 / 1e6
    # Of a progressive one, all coefficients are in memory before the first pixel.
    rendition(encoded(photograph, "JPEG", progressive=True), longest_side=200)
    assert counted.pop() == 0.63
    full_pixels(encoded(photograph, "JPEG"))
    assert counted.pop() == 0.63
