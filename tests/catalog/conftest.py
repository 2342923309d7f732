"""A new catalog, in a file and in PostgreSQL, and processes that write to it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from ambience.catalog import Journal
from ambience.catalog.database import Database

Open = Callable[..., Journal]


@pytest.fixture
def place(catalog_url: str, tmp_path: Path) -> Path | str:
    """Where it is."""
    return catalog_url or tmp_path / "catalog.sqlite3"


@pytest.fixture
def database(place: Path | str) -> Iterator[Database]:
    with closing(Database(place)) as database:
        yield database


@pytest.fixture
def open_journal(place: Path | str, tmp_path: Path) -> Iterator[Open]:
    """Open the journal as a process of its own does, in a data folder that is named."""
    with ExitStack() as opened:

        def open_(folder: str, **how: Any) -> Journal:
            database = opened.enter_context(closing(Database(place)))
            # Nothing is renewed unless a test says so.
            how = {"lease_s": 1000.0, **how}
            journal = Journal(database, tmp_path / folder / "locks", **how)
            opened.callback(journal.close)
            return journal

        yield open_
