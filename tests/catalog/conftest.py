"""A new catalog: in a file, and in PostgreSQL."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ambience.catalog.database import Database


@pytest.fixture
def place(catalog_url: str, tmp_path: Path) -> Path | str:
    """Where it is."""
    return catalog_url or tmp_path / "catalog.sqlite3"


@pytest.fixture
def database(place: Path | str) -> Iterator[Database]:
    with closing(Database(place)) as database:
        yield database
