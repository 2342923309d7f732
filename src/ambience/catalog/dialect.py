"""The differences between SQLite and PostgreSQL, as the rest of the catalog sees it."""

from typing import Protocol

from sqlalchemy import ColumnElement, Connection
from sqlalchemy.exc import DBAPIError

from ambience.core.errors import AmbienceError


class Dialect(Protocol):
    """One of the two databases, with its address."""

    @property
    def place(self) -> str:
        """Where the catalog is, for messages; never with a password."""
        ...

    @property
    def file(self) -> str:
        """What distinguishes the file from its copies; empty if there is none."""
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
        """Begin a write transaction; nobody else can begin one until it ends."""
        ...

    def error(self, error: DBAPIError) -> AmbienceError:
        """Translate an error of the database."""
        ...

    def damage(self, connection: Connection) -> list[str]:
        """Read everything; return all problems, as the database reports them."""
        ...

    def reindex(self, connection: Connection) -> None:
        """Rebuild all indexes."""
        ...

    def prepare_upgrade(self, connection: Connection) -> None:
        """Change an older catalog so that the first revision can be applied to it.

        Raises:
            StoredDataError: If it is not a catalog.
        """
        ...

    def finish_upgrade(self, connection: Connection) -> None:
        """Keep out versions of ambience that don't know revisions."""
        ...
