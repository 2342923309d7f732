"""What it takes to read and write many rows with few statements."""

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any, Final, TypeVar

from sqlalchemy import BindParameter, Table, bindparam
from sqlalchemy.dialects import postgresql, sqlite

T = TypeVar("T")

_AT_ONCE = 500  # ids in one statement: some databases take no more than 32,766

IDS: Final[BindParameter[Any]] = bindparam("ids", expanding=True)
"""The ids that a statement is about, in ``column.in_(IDS)``; not more than `parts`."""

_INSERT: Final[dict[str, Callable[[Table], Any]]] = {
    "postgresql": postgresql.insert,
    "sqlite": sqlite.insert,
}


def parts(ids: Sequence[T]) -> Iterator[Sequence[T]]:
    """Iterate over ids in parts of which each makes one statement."""
    for start in range(0, len(ids), _AT_ONCE):
        yield ids[start : start + _AT_ONCE]


@cache
def upsert(dialect: str, table: Table, columns: tuple[str, ...], **new: Any) -> Any:
    """Return an INSERT that changes the rows that are there already.

    Args:
        dialect: The name of the database's.
        table: Where to.
        columns: Those that take what was to be inserted; none at all: rows that are
            there stay as they are.
        **new: Those that take another value.
    """
    put = _INSERT[dialect](table)
    if not columns:
        return put.on_conflict_do_nothing()
    return put.on_conflict_do_update(
        index_elements=list(table.primary_key),
        set_={**{name: put.excluded[name] for name in columns}, **new},
    )
