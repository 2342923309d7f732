"""Helps to read and write many rows with few statements."""

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any, Final, TypeVar

from sqlalchemy import BindParameter, Table, bindparam
from sqlalchemy.dialects import postgresql, sqlite

T = TypeVar("T")

_AT_ONCE = 500  # ids in one statement: some databases allow no more than 32,766

IDS: Final[BindParameter[Any]] = bindparam("ids", expanding=True)
"""The ids that a statement is about, in ``column.in_(IDS)``; at most one of `parts`."""

_INSERT: Final[dict[str, Callable[[Table], Any]]] = {
    "postgresql": postgresql.insert,
    "sqlite": sqlite.insert,
}


def parts(ids: Sequence[T]) -> Iterator[Sequence[T]]:
    """Iterate over ids in parts that fit into one statement each."""
    for start in range(0, len(ids), _AT_ONCE):
        yield ids[start : start + _AT_ONCE]


@cache
def upsert(dialect: str, table: Table, columns: tuple[str, ...], **new: Any) -> Any:
    """Return an INSERT that updates the rows that exist already.

    Args:
        dialect: The name of the database's dialect.
        table: The table.
        columns: Columns of existing rows that take the inserted values; if empty,
            existing rows are left unchanged.
        **new: Columns of existing rows that take another value.
    """
    put = _INSERT[dialect](table)
    if not columns:
        return put.on_conflict_do_nothing()
    return put.on_conflict_do_update(
        index_elements=list(table.primary_key),
        set_={**{name: put.excluded[name] for name in columns}, **new},
    )
