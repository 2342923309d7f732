"""However many threads come and go, the catalog keeps to a few connections."""

import os
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from ambience.catalog.connections import READERS, Connections
from ambience.catalog.database import Database
from ambience.core.errors import UnavailableError

COUNT = "SELECT count(*) FROM counters WHERE name != 'claims_complete'"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "catalog.sqlite3")
    yield database
    database.close()


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 -- there is no Path


def write(database: Database, name: str) -> None:
    with database.transaction() as connection:
        connection.execute("INSERT INTO counters VALUES (?, 0)", (name,))


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="no /proc here")
def test_threads_that_end_leave_no_descriptor_behind(database: Database) -> None:
    def use(number: int) -> None:
        write(database, str(number))
        database.rows(COUNT)

    before = descriptors()
    for number in range(60):
        thread = threading.Thread(target=use, args=[number])
        thread.start()
        thread.join()
    assert database.rows(COUNT)[0][0] == 61
    assert descriptors() == before


def test_forty_threads_read_and_write_at_once(database: Database) -> None:
    def use(number: int) -> None:
        for step in range(5):
            write(database, f"{number} {step}")
            database.rows(COUNT)

    with ThreadPoolExecutor(40) as pool:
        list(pool.map(use, range(40)))
    assert database.rows(COUNT)[0][0] == 201


def test_a_question_within_a_transaction_sees_what_was_written(
    database: Database,
) -> None:
    with database.transaction() as connection:
        connection.execute("INSERT INTO counters VALUES ('new', 0)")
        assert database.rows(COUNT)[0][0] == 2
        with ThreadPoolExecutor(1) as pool:  # another thread is not in it
            assert pool.submit(database.rows, COUNT).result()[0][0] == 1
    assert database.rows(COUNT)[0][0] == 2


def test_a_transaction_within_another_is_refused_and_ends_both(
    database: Database,
) -> None:
    with pytest.raises(RuntimeError, match="within another"), database.transaction():
        write(database, "inner")
    assert database.rows(COUNT)[0][0] == 1
    write(database, "next")
    assert database.rows(COUNT)[0][0] == 2


def test_who_waits_for_a_connection_in_vain_is_told(tmp_path: Path) -> None:
    pool = Connections(
        lambda: sqlite3.connect(tmp_path / "a", check_same_thread=False),
        READERS,
        wait_s=0,
    )
    with ExitStack() as taken:
        for _ in range(READERS):
            taken.enter_context(pool.lent())
        with pytest.raises(UnavailableError, match="busy"), pool.lent():
            pass
    with pool.lent():  # there are some again
        pass
    pool.close()
    with pytest.raises(UnavailableError, match="closed"), pool.lent():
        pass
