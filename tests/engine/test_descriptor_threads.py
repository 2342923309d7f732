"""Searches, changes and saves of an index of descriptors don't disturb each other."""

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ambience.core.features import ImageId
from ambience.engine.embedded.descriptors.descriptor_index import DescriptorIndex
from tests.engine.keypoint_rows import AN_IMAGE, fill, first, ids, image, votes

TURNS = 40
BOTH = image(2000), image(2001)  # what image 7 shows in turn


class Watch:
    """Threads that look at an index until they are stopped, and what they saw."""

    def __init__(self) -> None:
        self.failures: list[str] = []
        self._done = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self, look: Callable[[], str | None]) -> None:
        thread = threading.Thread(target=self._repeat, args=(look,))
        self._threads.append(thread)
        thread.start()

    def stop(self) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join()

    def _repeat(self, look: Callable[[], str | None]) -> None:
        while not self._done.is_set():
            try:
                failure = look()
            except Exception as error:  # noqa: BLE001 -- reported as it is
                failure = repr(error)
            if failure:
                self.failures.append(failure)


@pytest.fixture
def watch(index: DescriptorIndex, monkeypatch: pytest.MonkeyPatch) -> Watch:
    monkeypatch.setattr(
        "ambience.engine.embedded.descriptors.descriptor_index._MIN_DEAD", 50
    )
    fill(index, 40)
    index.replace([], ids(7), BOTH[0])
    return Watch()


def change(index: DescriptorIndex) -> None:
    for turn in range(TURNS):
        index.replace([ImageId(7)], ids(7), BOTH[(turn + 1) % 2])
        other = 50 + turn % 4
        index.replace([ImageId(other)], ids(other), image(turn))


def test_a_replaced_image_is_always_there_once(
    index: DescriptorIndex, watch: Watch
) -> None:
    rows = np.concatenate([rows[:20] for rows in BOTH])
    variants = np.repeat([0, 1], 20)

    def look() -> str | None:
        found = votes(index, rows, 99, variants=variants)
        best = [next(one for one in found if one.variant == v) for v in (0, 1)]
        sevens = [one.image_id for one in best].count(ImageId(7))
        return None if sevens == 1 else f"{best}"

    watch.start(look)
    watch.start(look)
    change(index)
    watch.stop()
    assert watch.failures == []


def test_what_is_saved_beside_changes_is_whole(
    index: DescriptorIndex, watch: Watch, tmp_path: Path
) -> None:
    def save() -> str | None:
        index.save(tmp_path)
        again = DescriptorIndex()
        again.load(tmp_path)
        whole = first(again, image(3)) == 3 and len(again) % AN_IMAGE == 0
        return None if whole else f"{len(again)} descriptors"

    watch.start(save)
    watch.start(lambda: None if first(index, image(3)) == 3 else "3 is missing")
    change(index)
    watch.stop()
    assert watch.failures == []


def test_changes_from_many_threads_all_arrive(index: DescriptorIndex) -> None:
    def add(start: int) -> None:
        for number in range(start, start + 10):
            index.replace([ImageId(number)], ids(number), image(number))

    threads = [threading.Thread(target=add, args=(10 * n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(index) == 40 * AN_IMAGE
    assert [first(index, image(number)) for number in range(40)] == list(range(40))
