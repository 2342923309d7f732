"""What a process has under way is its own while it lives, and others' afterwards."""

import logging
import shutil
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from ambience.catalog import (
    Catalog,
    Journal,
    JournalEntry,
    Missed,
    Operation,
    Reach,
    lock_files,
)
from ambience.catalog import lease as lease_
from ambience.catalog.database import Database
from ambience.catalog.schema import journal as journal_table
from ambience.catalog.schema import leases
from ambience.core.errors import BusyError, TakenOverError, UnavailableError
from ambience.core.features import ImageId
from tests.catalog.conftest import Open
from tests.catalog.test_catalog import record
from tests.killed import kill

ONE, TWO = ImageId(1), ImageId(2)
PUT = JournalEntry(ONE, Operation.PUT, "1-abc", keep=True)
WAIT_S = 60  # so that no test hangs


def end_leases(database: Database) -> None:
    """Let time pass, by the database's clock."""
    with database.transaction() as connection:
        connection.execute(update(leases).values(expires_ms=0))


def owners(database: Database) -> list[str]:
    return [owner for (owner,) in database.rows(select(leases.c.owner))]


def test_two_processes_do_not_change_one_image(open_journal: Open) -> None:
    one, other = open_journal("one"), open_journal("one")
    one.begin([PUT])
    entries = [JournalEntry(i, Operation.DELETE) for i in (ONE, TWO)]
    with pytest.raises(BusyError, match="try again"):
        other.begin(entries)
    assert other.left_over() == []  # it was none of theirs, and nothing half begun
    one.begin(entries)  # ours may go on


@pytest.mark.parametrize("folders", [("one", "one"), ("one", "other")])
def test_what_a_living_process_began_is_not_taken_over(
    open_journal: Open, folders: tuple[str, str]
) -> None:
    living, other = map(open_journal, folders)
    begun = living.begin([PUT])
    assert other.left_over() == []
    assert other.cut_short() == 0
    with pytest.raises(BusyError):
        other.begin([replace(PUT, operation=Operation.DELETE)])
    living.check(begun)
    assert living.still_open(living.ours()) == [PUT]


def test_a_dead_process_is_known_at_once_in_the_same_folder(open_journal: Open) -> None:
    dead, other = open_journal("one"), open_journal("one")
    dead.begin([PUT])
    kill(dead)
    assert other.cut_short() == 1
    assert other.left_over() == [PUT]
    assert other.left_over() == []  # it is ours now
    (entry,) = other.ours()
    assert other.still_open([entry]) == [PUT]
    other.abandon(entry.begun)
    assert other.still_open([entry]) == []


def test_elsewhere_it_is_missed_once_its_lease_has_ended(
    open_journal: Open, database: Database
) -> None:
    dead, other = open_journal("one"), open_journal("other")
    dead.begin([PUT])
    kill(dead)  # which shows in its own folder only
    assert other.left_over() == []
    end_leases(database)
    assert other.left_over() == [PUT]


def test_a_lock_that_is_free_proves_nothing_of_another_machine(
    open_journal: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("ambience.catalog.lock_files.machine", lambda: "another")
        far = open_journal("shared")
        far.begin([PUT])
    kill(far)  # as it seems from here
    assert open_journal("shared").left_over() == []


def test_nor_does_one_in_a_copy_of_the_folder(
    open_journal: Open, tmp_path: Path
) -> None:
    open_journal("one").begin([PUT])
    (tmp_path / "copy" / "locks").mkdir(parents=True)
    for lock in (tmp_path / "one" / "locks").iterdir():
        (tmp_path / "copy" / "locks" / lock.name).touch()
    assert open_journal("copy").left_over() == []


def test_nobody_is_at_work_on_a_copy_of_the_catalog(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "data"
    database = Database(folder / "catalog.sqlite3")
    journal = Journal(database, folder / "locks")
    journal.begin([PUT])
    shutil.copytree(folder, tmp_path / "backup")
    copy = Database(tmp_path / "backup" / "catalog.sqlite3")
    restored = Journal(copy, tmp_path / "backup" / "locks")
    assert restored.left_over() == [PUT]
    for one in (restored, copy, journal, database):
        one.close()


def test_a_held_lock_counts_for_more_than_the_time(
    open_journal: Open, database: Database
) -> None:
    stopped, other = open_journal("one"), open_journal("one")
    stopped.begin([PUT])
    end_leases(database)  # as after a night in which the machine slept
    assert other.left_over() == []


def test_a_lease_lasts_while_it_is_renewed(
    open_journal: Open, database: Database
) -> None:
    working, other = open_journal("one", lease_s=0.2), open_journal("other")
    begun = working.begin([PUT])
    expires = select(leases.c.expires_ms)
    seen: set[int] = set()
    while len(seen) < 5:  # renewals, by the database's clock
        seen.update(ms for (ms,) in database.rows(expires))
    working.check(begun)
    working.abandon(begun)
    assert other.left_over() == []


def test_an_idle_process_holds_none_and_writes_nothing(
    open_journal: Open, database: Database
) -> None:
    idle = open_journal("one", lease_s=0.2)
    assert owners(database) == []
    begun = idle.begin([PUT])
    (owner,) = owners(database)
    idle.abandon(begun)
    while owners(database):
        pass  # until the next beat
    idle.begin([PUT])
    assert owners(database) == [owner]  # nobody had a reason to take it away


def test_a_process_that_ends_in_order_leaves_no_lease(
    open_journal: Open, database: Database
) -> None:
    ended, other = open_journal("one"), open_journal("other")
    ended.begin([PUT])
    ended.close()
    assert owners(database) == []
    assert other.left_over() == [PUT]  # at once


def late(open_journal: Open, database: Database) -> tuple[Journal, Any]:
    """Return a journal whose change another process has taken over."""
    slow, other = open_journal("one"), open_journal("other")
    begun = slow.begin([PUT])
    end_leases(database)
    assert other.left_over() == [PUT]
    return slow, begun


def changes(database: Database) -> list[Callable[[Any], object]]:
    """Return everything that ends a change."""
    catalog, missed = Catalog(database), Missed(database)
    return [
        lambda begun: catalog.put([record(1)], begun=begun),
        lambda begun: catalog.delete(record(1), trashed=None, begun=begun),
        lambda begun: catalog.forget([ONE], Reach(["color"]), begun),
        lambda begun: missed.settle({"color": [ONE]}, begun=begun),
    ]


@pytest.mark.parametrize("number", range(4))
def test_who_comes_back_too_late_changes_nothing(
    open_journal: Open, database: Database, number: int
) -> None:
    _, begun = late(open_journal, database)
    with pytest.raises(TakenOverError, match="try again"):
        changes(database)[number](begun)
    assert len(Catalog(database)) == 0
    assert len(database.rows(select(journal_table))) == 1  # who took over goes on


def test_it_can_begin_anew_and_not_go_on(
    open_journal: Open, database: Database
) -> None:
    slow, begun = late(open_journal, database)
    new = slow.begin([JournalEntry(TWO, Operation.PUT)])
    slow.check(new)
    with pytest.raises(TakenOverError):
        slow.check(begun)
    slow.abandon(begun)  # which is nobody's but who took it over
    assert len(database.rows(select(journal_table))) == 2
    Catalog(database).put([record(2)], begun=new)


def test_what_it_takes_back_it_does_not_end_as_what_it_began(
    open_journal: Open, database: Database
) -> None:
    slow, begun = late(open_journal, database)
    slow.begin([JournalEntry(TWO, Operation.PUT)])  # under another lease
    end_leases(database)
    assert PUT in slow.left_over()
    with pytest.raises(TakenOverError):
        Catalog(database).put([record(1)], begun=begun)


def test_a_lease_that_was_lost_is_said(
    open_journal: Open, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    slow, _ = late(open_journal, database)
    with caplog.at_level(logging.WARNING):
        slow.begin([JournalEntry(TWO, Operation.PUT)])
    assert [line for line in caplog.messages if "has taken over" in line]


def test_nobody_goes_on_past_a_lease_that_can_not_be_renewed(
    place: Path | str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(place)
    now = [100.0]
    monkeypatch.setattr(lease_, "_clock", lambda: now[0])
    with closing(Journal(database, tmp_path / "locks", lease_s=1000.0)) as journal:
        begun = journal.begin([PUT])
        database.close()  # as when it can't be reached
        now[0] += 999
        journal.check(begun)
        now[0] += 2
        with pytest.raises(UnavailableError):
            journal.check(begun)


def test_ids_are_given_out_once_to_processes_that_ask_at_once(
    place: Path | str,
) -> None:
    given: list[ImageId] = []
    start = threading.Barrier(4, timeout=WAIT_S)

    def ask() -> None:
        with closing(Database(place)) as database:
            start.wait()
            for _ in range(20):
                given.extend(Catalog(database).reserve_ids(3))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)
    assert sorted(given) == list(range(1, 241))


def test_one_of_those_who_begin_to_change_an_image_at_once_does(
    open_journal: Open,
) -> None:
    journals = [open_journal(str(i)) for i in range(4)]
    start = threading.Barrier(4, timeout=WAIT_S)
    began: list[int] = []

    def begin(number: int) -> None:
        for image_id in range(20):
            start.wait()
            try:
                journals[number].begin([JournalEntry(ImageId(image_id), Operation.PUT)])
            except BusyError:
                continue
            began.append(image_id)

    threads = [threading.Thread(target=begin, args=[i]) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)
    assert sorted(began) == list(range(20))


def test_what_a_dead_process_left_is_taken_over_by_one_of_many(
    open_journal: Open, database: Database
) -> None:
    dead = open_journal("dead")
    dead.begin([JournalEntry(ImageId(i), Operation.PUT) for i in range(20)])
    end_leases(database)
    journals = [open_journal(str(i)) for i in range(4)]
    start = threading.Barrier(4, timeout=WAIT_S)
    taken: list[ImageId] = []

    def take(journal: Journal) -> None:
        start.wait()
        taken.extend(entry.image_id for entry in journal.left_over())

    threads = [threading.Thread(target=take, args=[journal]) for journal in journals]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)
    assert sorted(taken) == list(range(20))


def test_a_system_is_another_one_after_its_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    boot = tmp_path / "boot_id"
    monkeypatch.setattr(lock_files, "_BOOT", boot)
    without = lock_files.machine()
    boot.write_text("first\n")
    first = lock_files.machine()
    boot.write_text("second\n")
    assert len({without, first, lock_files.machine()}) == 3
    assert lock_files.machine() == lock_files.machine()
