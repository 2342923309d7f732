"""The database behind the catalog: how it is read, and written in transactions."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from sqlalchemy import ColumnElement, Connection, Executable, Row
from sqlalchemy.exc import DBAPIError

from ambience.catalog import migration
from ambience.catalog.connections import READERS, Connections
from ambience.catalog.postgresql import PostgresqlDatabase
from ambience.catalog.readonly_file import ReadonlyFile
from ambience.catalog.sqlite import SqliteFile
from ambience.core.errors import StoredDataError

if TYPE_CHECKING:
    from ambience.catalog.dialect import Dialect

T = TypeVar("T")

AnyRow: TypeAlias = Row[*tuple[Any, ...]]
"""A row of a query, with any number of columns."""


class Database:
    """Transactions on one database, from any thread.

    Args:
        place: An SQLite file, or the address of a PostgreSQL database.
        readonly: Whether nothing may be written, not even beside a file.

    Raises:
        BadParameterError: If an address can't be used.
        CorruptDataError: If it is not a catalog, damaged, or of a later version.
        StoredDataError: If it can't be written to; or, with ``readonly``, if it does
            not exist or has an older version.
        UnavailableError: If it can't be reached, or there are no file descriptors.
    """

    def __init__(self, place: Path | str, *, readonly: bool = False) -> None:
        self._dialect: Dialect = (
            SqliteFile(place)
            if isinstance(place, Path)
            else PostgresqlDatabase(place, readonly=readonly)
        )
        self._local = threading.local()
        self._readonly = readonly
        self._readonly_file: ReadonlyFile | None = None
        with self._translated(), ExitStack() as opened:
            if readonly and isinstance(place, Path):
                self._readonly_file = ReadonlyFile(place)
                opened.callback(self._readonly_file.close)
            if not readonly:
                # One: SQLite admits no more, and in PostgreSQL writers queue anyway.
                self._writer = Connections(self._dialect.writer, 1)
                opened.callback(self._writer.close)
                with self.transaction() as connection:
                    migration.bring_up_to_date(connection, self._dialect)
            if self._readonly_file is None:
                self._readers = Connections(self._dialect.reader, READERS)
                opened.callback(self._readers.close)
            if readonly:
                self.read(lambda reader: migration.check(reader, self._dialect))
            self._opened = opened.pop_all()

    @property
    def file(self) -> str:
        """What distinguishes an SQLite file from its copies; empty for PostgreSQL."""
        return self._dialect.file

    @property
    def now_ms(self) -> ColumnElement[int]:
        """The time by the database's clock, in milliseconds since 1970."""
        return self._dialect.now_ms

    def close(self) -> None:
        """Close all connections."""
        self._opened.close()

    def rows(
        self, statement: Executable, parameters: Mapping[str, object] | None = None
    ) -> Sequence[AnyRow]:
        """Return the rows of a query, within this thread's transaction if any.

        Raises:
            UnavailableError: If too many threads read at once.
            StoredDataError: If it can't be read.
            CorruptDataError: If it is damaged.
        """
        return self.read(lambda reader: reader.execute(statement, parameters).all())

    def read(self, ask: Callable[[Connection], T]) -> T:
        """Return the answer of a function that only reads; see `rows`."""
        within: Connection | None = getattr(self._local, "connection", None)
        with self._translated():
            if within is not None:
                return ask(within)
            if self._readonly_file is not None:
                return self._readonly_file.read(lambda reader: _asked(reader, ask))
            with self._readers.lent() as reader:
                try:
                    return _asked(reader, ask)
                except DBAPIError as error:
                    if not error.connection_invalidated:
                        raise
                return _asked(reader, ask)  # again, now that it has reconnected

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Write everything inside the block, or nothing; transactions don't nest.

        Nobody else writes meanwhile, in any process: what is read inside stays true.

        Raises:
            BusyError: If another process is in the way.
            UnavailableError: If other threads are in the way for too long, or the
                database can't be reached.
            StoredDataError: If the disk refuses, or the catalog is read-only.
            CorruptDataError: If it is damaged.
        """
        self.check_writable()
        if getattr(self._local, "connection", None) is not None:
            raise RuntimeError("transactions can't be nested")
        with self._translated(), self._writer.lent() as connection:
            try:
                self._begin(connection)
                self._local.connection = connection
                yield connection
                connection.commit()
            except BaseException:
                connection.rollback()
                raise
            finally:
                self._local.connection = None

    def check_writable(self) -> None:
        """Raise early what `transaction` would raise.

        Raises:
            StoredDataError: If the catalog is read-only.
        """
        if self._readonly:
            raise StoredDataError(
                f"the catalog {self._dialect.place} is open read-only because the data "
                "folder is read-only: images can be found and shown, but not added, "
                "replaced or deleted"
            )

    def damage(self) -> list[str]:
        """Read everything; return all problems, nothing if there are none.

        Raises:
            CorruptDataError: If it can't be read at all.
        """
        return self.read(self._dialect.damage)

    def reindex(self) -> None:
        """Rebuild all indexes from the tables."""
        self.read(self._dialect.reindex)

    def _begin(self, connection: Connection) -> None:
        try:
            self._dialect.begin(connection)
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
            connection.rollback()
            self._dialect.begin(connection)  # it has reconnected, as in `read`

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Translate the errors of the database."""
        try:
            yield
        except DBAPIError as error:
            raise (self._readonly_file or self._dialect).error(error) from error


def _asked(reader: Connection, ask: Callable[[Connection], T]) -> T:
    try:
        return ask(reader)
    finally:
        reader.rollback()  # nothing to undo: this ends the implicit transaction
