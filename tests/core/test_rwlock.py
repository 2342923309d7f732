"""Readers share, a writer is alone."""

import threading

import pytest

from ambience.core.rwlock import ReadWriteLock


def test_readers_run_at_once() -> None:
    lock = ReadWriteLock()
    inside = threading.Barrier(2, timeout=10)

    def read() -> None:
        with lock.read():
            inside.wait()  # passes only if both are inside

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=10)
    assert not inside.broken


def test_a_writer_waits_for_readers_and_keeps_new_ones_out() -> None:
    lock = ReadWriteLock()
    order: list[str] = []
    reading, release = threading.Event(), threading.Event()

    def read_first() -> None:
        with lock.read():
            reading.set()
            release.wait(10)
            order.append("first reader ends")

    def write() -> None:
        with lock.write():
            order.append("writer")

    def read_later() -> None:
        with lock.read():
            order.append("later reader")

    first = threading.Thread(target=read_first)
    first.start()
    reading.wait(10)
    writer = threading.Thread(target=write)
    writer.start()
    while not lock._writers_waiting:  # noqa: SLF001 -- nothing outside shows it
        pass
    later = threading.Thread(target=read_later)
    later.start()
    release.set()
    for thread in (first, writer, later):
        thread.join(timeout=10)
    assert order == ["first reader ends", "writer", "later reader"]


def test_a_writer_that_fails_lets_go() -> None:
    lock = ReadWriteLock()
    with pytest.raises(ZeroDivisionError), lock.write():
        _ = 1 / 0
    with lock.read():
        pass
