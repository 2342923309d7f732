"""A catalog in a PostgreSQL database, which processes on many machines may share."""

from contextlib import suppress
from typing import Final

from sqlalchemy import (
    URL,
    BigInteger,
    ColumnElement,
    Connection,
    Engine,
    NullPool,
    Text,
    cast,
    create_engine,
    func,
    literal_column,
    make_url,
    select,
)
from sqlalchemy.exc import ArgumentError, DBAPIError

from ambience.catalog.schema import metadata
from ambience.core.errors import (
    AmbienceError,
    BadParameterError,
    BusyError,
    CorruptDataError,
    StoredDataError,
    UnavailableError,
)
from ambience.core.file_descriptors import NO_DESCRIPTORS, descriptors_are_gone

_DRIVER = "postgresql+psycopg"
_SPELLINGS = frozenset({"postgres", "postgresql", _DRIVER})

# The lock that a writer holds: any number that nobody else uses in this database.
_WRITERS = 0x616D6269656E6365
_CONNECT = {
    "connect_timeout": 10,  # seconds: longer than a busy server takes
    "application_name": "ambience",
    "client_encoding": "utf8",
    # If a server is cut off, that is noticed after a minute instead of two hours.
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,  # milliseconds
    # A write waits as long for another one as in SQLite; and if a process is cut off in
    # the middle of a write, it delays the others no longer than that.
    "options": "-c lock_timeout=30s -c idle_in_transaction_session_timeout=30s",
}

_UNIQUE, _READ_ONLY, _DISK_FULL = "23505", "25006", "53100"
_BUSY = frozenset({"55P03", "40001", "40P01"})  # a lock, a conflict, a deadlock
_CORRUPT = frozenset({"XX001", "XX002"})
# Classes of errors that mean the server can't be used: no connection, no permission, no
# such database, no resources, shutting down.
_AWAY = frozenset({"08", "28", "3D", "53", "57"})


class PostgresqlDatabase:
    """A PostgreSQL database.

    Args:
        url: Its address, as in ``postgresql://user:password@host/name``.
        readonly: Whether nothing may be written.

    Raises:
        BadParameterError: If this is not such an address, or the driver is missing.
    """

    now_ms: Final[ColumnElement[int]] = literal_column(
        "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)", BigInteger
    )

    file: Final = ""

    def __init__(self, url: str, *, readonly: bool) -> None:
        self._url = _parsed(url)
        self._readonly = readonly
        self._readers = self._engine("AUTOCOMMIT")
        self._writers = self._engine("READ COMMITTED")

    @property
    def place(self) -> str:
        """See `Dialect`."""
        host = self._url.host or self._url.query.get("host") or "this machine"
        port = f":{self._url.port}" if self._url.port else ""
        return f"{self._url.database} at {host}{port}"

    def reader(self) -> Connection:
        """See `Dialect`."""
        return self._readers.connect()

    def writer(self) -> Connection:
        """See `Dialect`."""
        return self._writers.connect()

    def begin(self, connection: Connection) -> None:
        """See `Dialect`: writers queue for one lock, as they do in SQLite.

        So each sees everything that was written before, and what it has read stays true
        until it ends: no stricter isolation is needed.
        """
        connection.execute(select(func.pg_advisory_xact_lock(_WRITERS)))

    def error(self, error: DBAPIError) -> AmbienceError:
        """See `Dialect`."""
        said = str(error.orig).partition("\n")[0]
        code = getattr(error.orig, "sqlstate", None) or ""
        if code == _UNIQUE:  # a path that belongs to another image
            return BusyError(
                "another process has just added the same file: try again in a moment"
            )
        if code in _BUSY:
            return BusyError("another process holds the catalog: try again in a moment")
        if code in _CORRUPT:
            return CorruptDataError(
                f"the catalog {self.place} is damaged ({said}): restore the database "
                "from a backup"
            )
        if not code and descriptors_are_gone():
            return UnavailableError(NO_DESCRIPTORS)
        if code not in {_DISK_FULL, _READ_ONLY} and (not code or code[:2] in _AWAY):
            return UnavailableError(
                f"the catalog {self.place} can't be reached ({said}): check "
                "settings.catalog.url, and that PostgreSQL is running there"
            )
        return StoredDataError(
            f"the catalog {self.place} can't be written ({said}): check whether its "
            "disk is full or it is read-only"
        )

    def damage(self, connection: Connection) -> list[str]:
        """See `Dialect`: every value of every row is read, but no index."""
        for table in metadata.sorted_tables:
            rows = table.table_valued()
            connection.execute(select(func.count(cast(rows, Text))).select_from(table))
        return []

    def reindex(self, connection: Connection) -> None:
        """See `Dialect`."""
        for table in metadata.sorted_tables:
            connection.exec_driver_sql(f"REINDEX TABLE {table.name}")

    def prepare_upgrade(self, connection: Connection) -> None:
        """Refuse a database that belongs to something else.

        Raises:
            StoredDataError: If it has tables, but no version.
        """
        del connection
        raise StoredDataError(
            f"the database {self.place} has tables of something else: give ambience a "
            "database of its own in settings.catalog.url"
        )

    def finish_upgrade(self, connection: Connection) -> None:
        """Do nothing: no version without revisions ever used PostgreSQL."""

    def _engine(self, isolation: str) -> Engine:
        more = " -c default_transaction_read_only=on" if self._readonly else ""
        arguments = {**_CONNECT, "options": f"{_CONNECT['options']}{more}"}
        try:
            return create_engine(
                self._url,
                poolclass=NullPool,
                isolation_level=isolation,
                connect_args=arguments,
                hide_parameters=True,
            )
        except ModuleNotFoundError as error:
            raise BadParameterError(
                "settings.catalog.url names PostgreSQL, whose driver is not installed: "
                "run `pip install '.[postgresql]'` in the folder of ambience"
            ) from error


def _parsed(url: str) -> URL:
    with suppress(ArgumentError, ValueError):
        parsed = make_url(url)
        if parsed.drivername in _SPELLINGS and parsed.database:
            return parsed.set(drivername=_DRIVER)
    raise BadParameterError(
        "settings.catalog.url: give an address such as "
        "postgresql://user:password@host/name, or nothing for a file in the data folder"
    )
