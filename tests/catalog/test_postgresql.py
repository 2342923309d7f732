"""A catalog in PostgreSQL says what is wrong, and goes on when it is right again."""

import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ambience.catalog import Catalog
from ambience.catalog import postgresql as postgresql_
from ambience.catalog.database import Database
from ambience.core.errors import (
    AmbienceError,
    BadParameterError,
    BusyError,
    StoredDataError,
    UnavailableError,
)
from ambience.core.settings import load_settings
from ambience.library.library import Library
from tests.catalog.test_catalog import record
from tests.postgresql import Cluster, asked

CONNECTIONS = "SELECT pid FROM pg_stat_activity WHERE application_name = 'ambience'"


@pytest.fixture
def url(postgresql: Cluster) -> Iterator[str]:
    with postgresql.database() as url:
        yield url


def cut_off(url: str) -> None:
    """End the connections of all who use a database, as its restart does."""
    ours = f"{CONNECTIONS} AND datname = current_database()"
    gone = asked(url, ours.replace("SELECT pid", "SELECT pg_terminate_backend(pid)"))
    assert gone
    while asked(url, ours):
        pass


def test_it_goes_on_when_the_server_was_restarted(url: str) -> None:
    with closing(Database(url)) as database:
        catalog = Catalog(database)
        catalog.put([record(1)])
        for _ in range(2):
            cut_off(url)
            assert catalog.ids() == [1]
            cut_off(url)
            catalog.put([record(1, original="a")])
            assert catalog.find(catalog.ids()) == [record(1, original="a")]


def test_a_transaction_that_is_cut_off_writes_nothing_and_the_next_does(
    url: str,
) -> None:
    with closing(Database(url)) as database:
        catalog = Catalog(database)

        def reserve_and_be_cut_off() -> None:
            with database.transaction():
                cut_off(url)
                catalog.ids()

        with pytest.raises(UnavailableError, match="can't be reached"):
            reserve_and_be_cut_off()
        assert catalog.reserve_ids(1) == [1]


def test_a_writer_that_waits_in_vain_is_told(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(postgresql_._CONNECT, "options", "-c lock_timeout=50ms")  # noqa: SLF001 -- else 30 s
    with closing(Database(url)) as one, closing(Database(url)) as other:
        with one.transaction():
            assert Catalog(other).ids() == []  # reading waits for nobody
            with pytest.raises(BusyError, match="try again"), other.transaction():
                pass
        assert Catalog(other).reserve_ids(1) == [1]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (("/test_", "/no_such_test_"), UnavailableError),
        (("host=/", "host=/nowhere/"), UnavailableError),
        (("postgres:secret@", "nobody:secret@"), UnavailableError),
        (("postgresql:", "mysql:"), BadParameterError),
        (("postgresql://", "postgresql//"), BadParameterError),
        (("@/", "@host:port/"), BadParameterError),
    ],
)
def test_an_address_that_leads_nowhere_is_said_without_the_password(
    url: str, change: tuple[str, str], error: type[AmbienceError]
) -> None:
    with pytest.raises(error, match=r"catalog\.url") as said:
        Database(url.replace(*change))
    assert "secret" not in str(said.value)


def test_nor_do_settings_show_it(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMBIENCE_CATALOG__URL", url)
    settings = load_settings()
    assert settings.catalog.url.get_secret_value() == url
    assert "secret" not in repr(settings)
    assert "secret" not in settings.model_dump_json()


def test_the_driver_is_asked_for_only_where_it_is_needed(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(BadParameterError, match=r"pip install '\.\[postgresql\]'"):
        Database(url)


def test_beside_a_folder_that_can_not_be_written_it_is_only_read(url: str) -> None:
    with closing(Database(url)) as database:
        Catalog(database).put([record(1)])
    with closing(Database(url, readonly=True)) as database:
        assert Catalog(database).ids() == [1]
        with pytest.raises(StoredDataError, match="read-only"):
            Catalog(database).reserve_ids(1)


def test_an_empty_database_can_not_be_read(postgresql: Cluster) -> None:
    with (
        postgresql.database("template1") as url,
        pytest.raises(StoredDataError, match="read-only"),
    ):
        Database(url, readonly=True)


def test_a_process_keeps_to_nine_connections(url: str) -> None:
    with closing(Database(url)):
        ours = asked(url, f"{CONNECTIONS} AND datname = current_database()")
        assert len(ours) == 9


def test_a_whole_system_stands_on_it(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AMBIENCE_CATALOG__URL", url)
    monkeypatch.setenv("AMBIENCE_ENABLED", '["phash"]')
    with Library.of(load_settings(data=tmp_path / "data")) as library:
        assert library.components.catalog.ids() == []
    assert not (tmp_path / "data" / "catalog.sqlite3").exists()
