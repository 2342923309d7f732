"""A PostgreSQL server that tests start, and that ends with them."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Self

from sqlalchemy import NullPool, create_engine, make_url

from ambience.catalog.database import AnyRow, Database

START_S = 60
DEBIAN = Path("/usr/lib/postgresql")  # where its programs are, by version
TEMPLATE = "template_catalog"
# It has nothing to lose in a power cut, and many processes come at once.
SETTINGS = (
    *("fsync=off", "synchronous_commit=off", "full_page_writes=off"),
    *("max_connections=200", "listen_addresses=", "shared_buffers=32MB"),
)


def programs() -> Path:
    """Return the folder of PostgreSQL's programs, which bootstrap.py has found."""
    named = os.environ.get("POSTGRESQL_BIN")
    folders = [Path(named)] if named else sorted(DEBIAN.glob("*/bin"))
    assert folders, (
        "no PostgreSQL: `python3 scripts/system_program.py postgresql` gets it"
    )
    return folders[-1]


def asked(place: Path | str, question: str) -> Sequence[AnyRow]:
    """Return what a catalog answers to a question, whoever has it open.

    Args:
        place: As `Database` takes it.
        question: In SQL.
    """
    url = make_url(place if isinstance(place, str) else f"sqlite:///{place}")
    if isinstance(place, str):
        url = url.set(drivername="postgresql+psycopg")
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        return connection.exec_driver_sql(question).all()


class Cluster:
    """A server at a socket in a folder of its own, with databases that are catalogs."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="postgresql-"))
        # It refuses to run as root: the packages have made a user for it.
        self._user = "postgres" if os.geteuid() == 0 else None
        if self._user:
            shutil.chown(self._folder, self._user)
        self._numbers = count()

    def __enter__(self) -> Self:
        data = self._folder / "data"
        how = ("-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        self._run("initdb", "-D", data, *how)
        settings = [f"-c{setting}" for setting in SETTINGS]
        options = " ".join([*settings, f"-k{self._folder}"])
        self._run(
            *("pg_ctl", "-D", data, "-w", "-t", START_S, "-o", options),
            *("-l", self._folder / "log", "start"),
        )
        self._ask(f"CREATE DATABASE {TEMPLATE}")
        Database(self.url(TEMPLATE)).close()
        return self

    def __exit__(self, *_: object) -> None:
        self._run("pg_ctl", "-D", self._folder / "data", "-m", "immediate", "stop")
        shutil.rmtree(self._folder)

    def url(self, name: str) -> str:
        """Return the address of a database."""
        return f"postgresql://postgres:secret@/{name}?host={self._folder}"

    @contextmanager
    def database(self, template: str = TEMPLATE) -> Iterator[str]:
        """Make a database and give its address; it is gone afterwards."""
        name = f"test_{next(self._numbers)}"
        self._ask(f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            yield self.url(name)
        finally:
            self._ask(f"DROP DATABASE {name} WITH (FORCE)")

    def _ask(self, statement: str) -> None:
        where = ("-h", self._folder, "-U", "postgres", "-d", "postgres")
        self._run("psql", *where, "-q", "-c", statement)

    def _run(self, program: str, *words: object) -> None:
        done = subprocess.run(
            [programs() / program, *map(str, words)],
            user=self._user,
            cwd=self._folder,
            stdout=subprocess.DEVNULL,  # a server keeps what it was given
            stderr=subprocess.PIPE if program != "pg_ctl" else subprocess.DEVNULL,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{program}: {done.stderr or self._folder}"
