"""Works on a list with several threads, without running far ahead of its consumer."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from ambience.core.cancellation import Caller, called_by

_AHEAD = 4  # items in progress or waiting, per thread: bounds the memory

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


def bounded_map(
    act: Callable[[Item], Outcome],
    items: Iterable[Item],
    *,
    threads: int,
    stop: threading.Event,
) -> Iterator[tuple[Item, Future[Outcome]]]:
    """Iterate over items in order, each with its outcome.

    If the consumer stops iterating, decoding under way for it is canceled, and this
    waits until that has ended.

    Args:
        act: Called for each item, on some thread.
        items: What to work on.
        threads: How many run at once.
        stop: Once set, no further item is begun; those in progress are still yielded.
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
    except BaseException:  # including GeneratorExit
        caller.leave()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
