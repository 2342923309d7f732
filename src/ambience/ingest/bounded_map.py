"""Works on a list with several threads, a bounded number of items ahead."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from ambience.core.cancellation import Caller, called_by

_AHEAD = 4  # items in work or waiting, for each thread: bounds the memory

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


def bounded_map(
    act: Callable[[Item], Outcome],
    items: Iterable[Item],
    *,
    threads: int,
    stop: threading.Event,
) -> Iterator[tuple[Item, Future[Outcome]]]:
    """Iterate over items in order, each with what became of it.

    Args:
        act: Called for each item, on some thread.
        items: What to work on.
        threads: How many at once.
        stop: Once set, no further item is begun; those in work are still given out.

    Whoever iterates no further ends what is being decoded for it, and waits for that.
    """
    caller = Caller(patient=True)

    def act_for_caller(item: Item) -> Outcome:
        with called_by(caller):
            return act(item)

    waiting: deque[tuple[Item, Future[Outcome]]] = deque()
    pool = ThreadPoolExecutor(threads, "bounded_map")
    try:
        for item in items:
            if stop.is_set():
                break
            waiting.append((item, pool.submit(act_for_caller, item)))
            if len(waiting) >= _AHEAD * threads:
                yield waiting.popleft()
        while waiting:
            item, future = waiting.popleft()
            if not (stop.is_set() and future.cancel()):
                yield item, future
    except BaseException:  # GeneratorExit, too
        caller.leave()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
