"""Callers who wait for an answer, and may leave before it comes."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeAlias

LeaveAction: TypeAlias = Callable[[], object]
"""Called once, on any thread, when a caller leaves; it must return at once."""


class Caller:
    """Whoever asked for a piece of work: a request, an import, a command.

    Args:
        patient: Whether it waits as long as the work takes, as an import does. A
            request gives up after a while if the server is busy.
    """

    def __init__(self, *, patient: bool = False) -> None:
        self.patient = patient
        self._lock = threading.Lock()
        self._is_gone = False
        self._actions: dict[object, LeaveAction] = {}

    @property
    def is_gone(self) -> bool:
        """Whether the caller has stopped waiting."""
        return self._is_gone

    def leave(self) -> None:
        """Record that the caller has left, and stop the work done for it."""
        with self._lock:
            self._is_gone = True
            actions, self._actions = self._actions, {}
        for action in actions.values():
            action()

    @contextmanager
    def on_leaving(self, action: LeaveAction) -> Iterator[None]:
        """Call an action if the caller leaves during the block, or has left before."""
        key = object()
        with self._lock:
            if not self._is_gone:
                self._actions[key] = action
        if self._is_gone:
            action()
        try:
            yield
        finally:
            with self._lock:
                self._actions.pop(key, None)


# The command line and background work: it never leaves before the process ends.
_caller: ContextVar[Caller] = ContextVar("caller", default=Caller(patient=True))  # noqa: B039 -- shared on purpose: nobody sets it


def current_caller() -> Caller:
    """Return the caller that this thread or task works for."""
    return _caller.get()


@contextmanager
def called_by(caller: Caller) -> Iterator[None]:
    """Run the block on behalf of a caller."""
    token = _caller.set(caller)
    try:
        yield
    finally:
        _caller.reset(token)
