"""Work that waits is listed with its image, and taken by one process at a time."""

from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text

from ambience.catalog import Catalog, Missed, Reach, Tally, schema
from ambience.catalog.database import Database
from ambience.core.features import ImageId
from tests.catalog.conftest import Open
from tests.catalog.test_catalog import record
from tests.catalog.test_leases import end_leases, owners
from tests.killed import kill

IDS = [ImageId(i) for i in (1, 2, 3)]
WAITING = Reach(put_off=["slow"])


@pytest.fixture
def missed(database: Database) -> Missed:
    """What three images wait for, that were put off."""
    catalog = Catalog(database)
    catalog.put([record(image_id) for image_id in IDS], WAITING)
    return Missed(database)


def test_what_was_put_off_is_told_from_what_was_missed(
    database: Database, missed: Missed
) -> None:
    catalog = Catalog(database)
    assert missed.tallies() == {"slow": Tally(total=3, put_off=3)}
    assert missed.put_off_among("slow", IDS) == IDS
    assert missed.among("slow", IDS) == []
    assert missed.outdated("slow") == 0
    catalog.put([record(1)], Reach(missed={"slow": "away"}))  # now it has missed it
    missed.mark_stuck("slow", record(2), "gone")
    assert missed.tallies() == {"slow": Tally(total=3, stuck=1, put_off=1)}
    assert missed.reasons("slow") == {"away": (1, 1), "gone": (1, 2)}
    assert missed.reasons("slow", stuck=True) == {"gone": (1, 2)}
    assert missed.services_of(IDS) == {1: ["slow"], 3: ["slow"]}
    catalog.put([record(1), record(2)], WAITING)  # and they are put off again
    assert missed.tallies() == {"slow": Tally(total=3, put_off=3)}


def test_work_is_taken_once(open_journal: Open, missed: Missed) -> None:
    one, other = open_journal("one"), open_journal("other")
    assert one.take_work({"slow": IDS[:2]}) == {"slow": IDS[:2]}
    assert other.take_work({"slow": IDS}) == {"slow": IDS[2:]}
    one.give_back({"slow": IDS})  # which is more than it has
    assert other.take_work({"slow": IDS[:1]}) == {"slow": IDS[:1]}
    assert one.take_work({"slow": IDS, "quick": IDS}) == {"slow": IDS[1:2], "quick": []}
    begun, missing = one.begin_repair({"slow": IDS[1:2]})
    missed.settle(missing, begun=begun)
    assert missed.waiting("slow", limit=9) == [1, 3]


def test_nothing_of_what_is_stuck_is_taken(
    open_journal: Open,
    missed: Missed,
) -> None:
    missed.mark_stuck("slow", record(2), "gone")
    assert open_journal("one").take_work({"slow": IDS}) == {"slow": [1, 3]}


def test_work_of_a_process_that_died_is_free(
    open_journal: Open,
    missed: Missed,
    database: Database,
) -> None:
    dead, near, far = map(open_journal, ["one", "one", "other"])
    dead.take_work({"slow": IDS})
    assert missed.waiting("slow", limit=9) == IDS
    kill(dead)
    assert far.take_work({"slow": IDS}) == {"slow": []}  # it can't know so soon
    assert near.take_work({"slow": IDS[:1]}) == {"slow": IDS[:1]}
    end_leases(database)
    assert far.take_work({"slow": IDS}) == {"slow": IDS}


def test_it_is_free_as_well_once_what_that_process_left_was_mended(
    open_journal: Open,
    missed: Missed,
) -> None:
    dead, near, far = map(open_journal, ["one", "one", "other"])
    dead.take_work({"slow": IDS})
    kill(dead)
    assert near.left_over() == []
    assert far.take_work({"slow": IDS}) == {"slow": IDS}
    assert missed.waiting("slow", limit=9) == IDS


def test_a_lease_lasts_as_long_as_there_is_work(
    open_journal: Open,
    missed: Missed,
    database: Database,
) -> None:
    journal = open_journal("one", lease_s=1000.0)
    renew = journal._lease._renew  # noqa: SLF001 -- what it does every few seconds
    journal.take_work({"slow": IDS})
    renew()
    assert len(owners(database)) == 1
    journal.give_back({"slow": IDS})
    renew()
    assert owners(database) == []
    assert missed.waiting("slow", limit=9) == IDS


def test_an_image_that_is_replaced_is_other_work(
    open_journal: Open,
    missed: Missed,
    database: Database,
) -> None:
    open_journal("one").take_work({"slow": IDS})
    Catalog(database).put([record(1)], WAITING)
    assert open_journal("other").take_work({"slow": IDS}) == {"slow": [1]}
    assert missed.waiting("slow", limit=9) == IDS


def test_a_catalog_of_the_version_before_goes_on(place: Path | str) -> None:
    with closing(Database(place)) as database:
        Catalog(database).put([record(1)], Reach(missed={"slow": "away"}))
        with database.transaction() as connection:
            connection.execute(text("DROP INDEX missed_at_work"))
            for column in ("worker", "put_off"):
                connection.execute(text(f"ALTER TABLE missed DROP COLUMN {column}"))
            connection.execute(schema.version.update().values(version_num="0001"))
    with closing(Database(place)) as database:
        missed = Missed(database)
        assert missed.tallies() == {"slow": Tally(total=1)}
        assert missed.reasons("slow") == {"away": (1, 1)}
        with database.transaction() as connection:
            context = MigrationContext.configure(connection)
            assert compare_metadata(context, schema.metadata) == []
            names = {one["name"] for one in inspect(connection).get_indexes("missed")}
            assert names == {"missed_waiting", "missed_at_work"}
