"""However many threads come and go, the catalog keeps to a few connections."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from sqlalchemy import NullPool, create_engine, func, select

from ambience.catalog import schema
from ambience.catalog.connections import READERS, Connections
from ambience.catalog.database import Database
from ambience.catalog.schema import counters
from ambience.core.errors import UnavailableError

WAIT_S = 60.0  # so that no test hangs
COUNT = (
    select(func.count())
    .select_from(counters)
    .where(counters.c.name != schema.CLAIMS_COMPLETE)
)


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 -- there is no Path


def write(database: Database, name: str) -> None:
    with database.transaction() as connection:
        connection.execute(counters.insert(), {"name": name, "value": 0})


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
        connection.execute(counters.insert(), {"name": "new", "value": 0})
        assert database.rows(COUNT)[0][0] == 2
        with ThreadPoolExecutor(1) as pool:  # another thread is not in it
            assert pool.submit(database.rows, COUNT).result()[0][0] == 1
    assert database.rows(COUNT)[0][0] == 2


def test_a_transaction_within_another_is_refused_and_ends_both(
    database: Database,
) -> None:
    with pytest.raises(RuntimeError, match="can't be nested"), database.transaction():
        write(database, "inner")
    assert database.rows(COUNT)[0][0] == 1
    write(database, "next")
    assert database.rows(COUNT)[0][0] == 2


def test_who_waits_for_a_connection_in_vain_is_told(tmp_path: Path) -> None:
    pool = Connections(
        create_engine(f"sqlite:///{tmp_path / 'a'}", poolclass=NullPool).connect,
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


def test_a_new_catalog_may_be_opened_by_several_at_once(tmp_path: Path) -> None:
    start = threading.Barrier(4, timeout=WAIT_S)

    def open_it(path: Path) -> None:
        start.wait()
        with closing(Database(path)) as database:
            assert database.rows(COUNT)

    with ThreadPoolExecutor(4) as pool:
        for number in range(40):  # that one finds it locked takes a few tries
            path = tmp_path / f"{number}.sqlite3"
            list(pool.map(open_it, [path] * 4))
