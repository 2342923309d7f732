"""Whoever waits for an answer, and may go away before it comes."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeAlias

Leaving: TypeAlias = Callable[[], object]
"""Called once, on any thread, when a caller goes; it returns at once."""


class Caller:
    """Somebody who asked for something.

    Args:
        patient: Whether it waits as long as it takes, as an import does; a request
            is better told that the server is busy.
    """

    def __init__(self, *, patient: bool = False) -> None:
        self.patient = patient
        self._lock = threading.Lock()
        self._is_gone = False
        self._acts: dict[object, Leaving] = {}

    @property
    def is_gone(self) -> bool:
        """Whether nobody waits any more."""
        return self._is_gone

    def leave(self) -> None:
        """Note that nobody waits any more, and end what is done for nothing."""
        with self._lock:
            self._is_gone = True
            acts, self._acts = self._acts, {}
        for act in acts.values():
            act()

    @contextmanager
    def on_leaving(self, act: Leaving) -> Iterator[None]:
        """Call something if the caller goes during the block, or has gone before."""
        key = object()
        with self._lock:
            if not self._is_gone:
                self._acts[key] = act
        if self._is_gone:
            act()
        try:
            yield
        finally:
            with self._lock:
                self._acts.pop(key, None)


# The command line, and work in the background: stays until the process ends.
_caller: ContextVar[Caller] = ContextVar("caller", default=Caller(patient=True))  # noqa: B039 -- shared on purpose: nobody sets it


def current_caller() -> Caller:
    """Return who waits for what this thread or task does."""
    return _caller.get()


@contextmanager
def called_by(caller: Caller) -> Iterator[None]:
    """Do what is in the block for a caller."""
    token = _caller.set(caller)
    try:
        yield
    finally:
        _caller.reset(token)
