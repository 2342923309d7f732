"""What differs between SQLite and PostgreSQL, as the rest of the catalog sees it."""

from typing import Protocol

from sqlalchemy import ColumnElement, Connection
from sqlalchemy.exc import DBAPIError

from ambience.core.errors import AmbienceError


class Dialect(Protocol):
    """One of the two, with the address of a database."""

    @property
    def place(self) -> str:
        """Where the catalog is, for messages; never with a password."""
        ...

    @property
    def file(self) -> str:
        """What tells the file from its copies; empty where there is none."""
        ...

    @property
    def now_ms(self) -> ColumnElement[int]:
        """The time by the database's clock, in milliseconds since 1970."""
        ...

    def reader(self) -> Connection:
        """Return a connection on which each statement is its own transaction."""
        ...

    def writer(self) -> Connection:
        """Return a connection for transactions."""
        ...

    def begin(self, connection: Connection) -> None:
        """Begin a transaction of a writer; until it ends, nobody else begins one."""
        ...

    def error(self, error: DBAPIError) -> AmbienceError:
        """Return what the database said, in our words."""
        ...

    def damage(self, connection: Connection) -> list[str]:
        """Read everything; return what is wrong with it, in the database's words."""
        ...

    def reindex(self, connection: Connection) -> None:
        """Make all indexes anew."""
        ...

    def prepare_upgrade(self, connection: Connection) -> None:
        """Change what was made before there were revisions into what the first takes.

        Raises:
            StoredDataError: If it is no catalog.
        """
        ...

    def finish_upgrade(self, connection: Connection) -> None:
        """Keep versions of ambience out that know no revisions."""
        ...
