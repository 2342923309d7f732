"""Catalogs of earlier versions go on; those of later ones are refused."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect

from ambience.catalog import (
    Catalog,
    Journal,
    JournalEntry,
    LoneImages,
    Missed,
    Operation,
    Positions,
    Reach,
    migration,
    schema,
)
from ambience.catalog.database import Database
from ambience.core.errors import CorruptDataError, StoredDataError
from ambience.core.features import ImageId
from tests.postgresql import Cluster

FIRST_VERSION = """
CREATE TABLE images (
    image_id INTEGER PRIMARY KEY, path BLOB UNIQUE, original TEXT, sha256 BLOB NOT NULL,
    byte_count INTEGER NOT NULL, height INTEGER NOT NULL, width INTEGER NOT NULL,
    format TEXT NOT NULL, shown_at TEXT NOT NULL, modified_ns INTEGER,
    added_at TEXT NOT NULL, missing INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX images_by_sha256 ON images (sha256);
CREATE INDEX images_by_date ON images (shown_at, image_id);
CREATE TABLE trash (
    image_id INTEGER NOT NULL, path BLOB, trashed TEXT, sha256 BLOB NOT NULL,
    deleted_at TEXT NOT NULL
) STRICT;
CREATE INDEX trash_by_path ON trash (path);
CREATE TABLE journal (
    image_id INTEGER PRIMARY KEY, owner TEXT NOT NULL, operation TEXT NOT NULL,
    source TEXT NOT NULL, keep INTEGER NOT NULL
) STRICT;
CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
INSERT INTO counters VALUES ('next_image_id', 9);
INSERT INTO images VALUES (7, NULL, 'a', x'00', 5, 6, 8, 'png', '2020-06-01T12:00:00',
    NULL, '2026-01-01T00:00:00+00:00', 0);
INSERT INTO trash VALUES (8, x'2f61', NULL, x'01', '2026-01-01T00:00:00+00:00');
PRAGMA user_version = 1;
"""
# What the last version before there were revisions wrote, which took it from there.
THIRD_VERSION = Path(__file__).parent / "version_3.sql"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "100%" / "catalog.sqlite3"  # a sign that has a sense elsewhere


def write(path: Path, script: str) -> None:
    path.parent.mkdir(exist_ok=True)
    with closing(sqlite3.connect(path)) as old:
        old.executescript(script)


@pytest.fixture
def third(path: Path) -> Path:
    write(path, THIRD_VERSION.read_text(encoding="utf-8"))
    return path


def test_a_catalog_of_the_first_version_goes_on(path: Path) -> None:
    write(path, FIRST_VERSION)
    for _ in range(2):  # what it became opens as well
        with closing(Database(path)) as database:
            catalog, missed = Catalog(database), Missed(database)
            assert catalog.get(ImageId(7)).size == (6, 8)
            assert catalog.deleted_among({Path("/a"): b"\x01"})
            assert missed.left_over([ImageId(7), ImageId(8)]) == [8]
            catalog.put(catalog.find([ImageId(7)]), Reach(missed={"color": "away"}))
            assert missed.counts() == {"color": 1}
            assert not LoneImages(database).are_complete()
    with closing(Database(path)) as database:
        assert Catalog(database).reserve_ids(1) == [9]


def test_everything_in_a_catalog_of_the_third_version_is_kept(third: Path) -> None:
    ids = [ImageId(i) for i in range(1, 13)]
    with closing(Database(third)) as database:
        catalog, missed, claims = (
            Catalog(database),
            Missed(database),
            LoneImages(database),
        )
        assert catalog.ids() == [1, 2, 3, 7]
        assert {i.image_id: i.path for i in catalog.find(ids)} == {
            1: Path("/photos/a.jpg"),
            2: Path("/photos/caf\udce9.jpg"),
            3: Path("/photos/c.jpg"),
            7: None,
        }
        assert catalog.get(ImageId(3)).missing
        assert catalog.deleted_among({Path("/photos/d.jpg"): bytes([9]) * 32})
        assert missed.left_over(ids) == [9]  # the id of 8 was given anew
        assert missed.waiting("color", limit=9) == [1, 2, 8]
        assert missed.reasons("color") == {
            "no answer": (3, 1),
            "the file is gone": (1, 3),
        }
        assert claims.among(ids) == {8, 11}
        assert claims.are_complete()
        assert Positions(database).get("files") == 2
        assert catalog.reserve_ids(1) == [12]


def test_what_was_under_way_in_it_is_taken_over(third: Path) -> None:
    entry = JournalEntry(ImageId(7), Operation.PUT, "7-0123", keep=True)
    with closing(Database(third)) as database:
        journal = Journal(database, third.parent / "locks")
        assert journal.left_over() == [entry]
        journal.close()


def test_the_trash_has_its_order_still(third: Path) -> None:
    with closing(Database(third)) as database:
        catalog, missed = Catalog(database), Missed(database)
        (image,) = catalog.find([ImageId(1)])
        catalog.delete(image, trashed=None)
        assert missed.left_over([ImageId(1)]) == [1]
        catalog.note_lone_image(ImageId(1), service="color")
        assert missed.left_over([ImageId(1)]) == []


@pytest.fixture(params=["first", "third", "new"])
def brought_up_to_date(request: pytest.FixtureRequest, path: Path) -> Path:
    if request.param == "first":
        write(path, FIRST_VERSION)
    elif request.param == "third":
        write(path, THIRD_VERSION.read_text(encoding="utf-8"))
    Database(path).close()
    return path


def test_it_has_the_tables_of_a_new_one(brought_up_to_date: Path) -> None:
    engine = create_engine(f"sqlite:///{brought_up_to_date}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        differences = compare_metadata(context, schema.metadata)
        # What numbers a row is never null, whether that was said or not.
        assert {(what[0][0], what[0][3]) for what in differences} <= {
            ("modify_nullable", "image_id")
        }
        (revision,) = context.get_current_heads()
        checked = connection.exec_driver_sql("PRAGMA integrity_check").scalar_one()
        tables = connection.exec_driver_sql(
            "SELECT name FROM pragma_table_list WHERE strict = 0 AND schema = 'main' "
            "AND type = 'table' AND name NOT LIKE 'sqlite%'"
        )
        assert [name for (name,) in tables] == ["alembic_version"]
        indexes = inspect(connection).get_multi_indexes()
        assert sum(map(len, indexes.values())) == 6
    engine.dispose()
    assert (revision, checked) == (schema.VERSIONS[-1], "ok")


def test_a_database_of_postgresql_has_them_as_well(postgresql: Cluster) -> None:
    with postgresql.database() as url:
        engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
        with engine.connect() as connection:
            context = MigrationContext.configure(connection)
            assert compare_metadata(context, schema.metadata) == []
        engine.dispose()


def test_every_revision_is_known_and_in_order() -> None:
    script = ScriptDirectory(str(migration.FOLDER))
    revisions = [one.revision for one in script.walk_revisions()]
    assert revisions[::-1] == list(schema.VERSIONS)


def test_versions_without_revisions_refuse_it(brought_up_to_date: Path) -> None:
    with closing(sqlite3.connect(brought_up_to_date)) as catalog:
        (version,) = catalog.execute("PRAGMA user_version").fetchone()
    assert version == 4  # they know 3


def test_an_upgrade_that_fails_leaves_the_catalog_as_it_was(
    third: Path,
) -> None:
    with closing(sqlite3.connect(third)) as catalog:
        catalog.execute("CREATE TABLE trash_before (a)")  # in the way, half-way through
        before = list(catalog.iterdump())
    with pytest.raises(StoredDataError):
        Database(third)
    with closing(sqlite3.connect(third)) as catalog:
        assert list(catalog.iterdump()) == before
        catalog.execute("DROP TABLE trash_before")
    with closing(Database(third)) as database:
        assert len(Catalog(database)) == 4


def test_a_file_that_is_no_catalog_is_a_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite3"
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(CorruptDataError, match="restore it from a backup"):
        Database(path)


def test_a_catalog_of_a_later_version_is_refused(place: Path | str) -> None:
    with closing(Database(place)) as database, database.transaction() as connection:
        connection.execute(schema.version.update().values(version_num="9999"))
    for readonly in (False, True):
        with pytest.raises(CorruptDataError, match="newer ambience") as refused:
            Database(place, readonly=readonly)
        assert "secret" not in str(refused.value)


def test_somebody_elses_database_is_left_alone(postgresql: Cluster) -> None:
    with postgresql.database("template1") as url:
        engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
        with engine.begin() as connection:
            connection.exec_driver_sql("CREATE TABLE images (a integer)")
        with pytest.raises(StoredDataError, match="something else"):
            Database(url)
        with engine.begin() as connection:
            assert inspect(connection).get_table_names() == ["images"]
        engine.dispose()
