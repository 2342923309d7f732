"""Creates the tables of a new catalog, and updates those of an older one."""

from pathlib import Path
from threading import Lock

from sqlalchemy import Connection, inspect, select

from ambience.catalog import schema
from ambience.catalog.dialect import Dialect
from ambience.core.errors import CorruptDataError, StoredDataError

FOLDER = Path(__file__).parent / "migrations"
_RUNNING = Lock()  # Alembic keeps its state in a module, not in an object


def bring_up_to_date(connection: Connection, dialect: Dialect) -> None:
    """Give a database the tables of this version, in one transaction.

    Raises:
        CorruptDataError: If they were made by a later version.
    """
    tables = inspect(connection).get_table_names()
    if not tables:
        _create(connection)
    elif schema.version.name not in tables:
        dialect.prepare_upgrade(connection)
        _upgrade(connection)
    else:
        found = _version(connection, dialect)
        if found == schema.VERSIONS[-1]:
            return  # without a write, which the disk may refuse
        _upgrade(connection)
    dialect.finish_upgrade(connection)


def check(connection: Connection, dialect: Dialect) -> None:
    """Refuse a database whose tables would have to be changed first.

    Raises:
        StoredDataError: If they were made by an earlier version.
        CorruptDataError: If they were made by a later version.
    """
    if inspect(connection).has_table(schema.version.name) and (
        _version(connection, dialect) == schema.VERSIONS[-1]
    ):
        return
    raise StoredDataError(
        f"the catalog {dialect.place} is new or was written by an older ambience, and "
        "can't be updated because the data folder is read-only: run `ambience check` "
        "once where it can be written"
    )


def _version(connection: Connection, dialect: Dialect) -> str:
    found = connection.execute(select(schema.version.c.version_num)).scalar_one()
    if found not in schema.VERSIONS:
        raise CorruptDataError(
            f"the catalog {dialect.place} was written by a newer ambience (version "
            f"{found}, this one knows {schema.VERSIONS[-1]}): update ambience"
        )
    return str(found)


def _create(connection: Connection) -> None:
    schema.metadata.create_all(connection)
    connection.execute(
        schema.counters.insert(),
        [
            {"name": schema.NEXT_IMAGE_ID, "value": 1},
            {"name": schema.CLAIMS_COMPLETE, "value": 1},
        ],
    )
    schema.version.create(connection)
    connection.execute(schema.version.insert(), {"version_num": schema.VERSIONS[-1]})


def _upgrade(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415 -- 0.3 s that few starts need
    from alembic.config import Config  # noqa: PLC0415 -- as above

    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    with _RUNNING:
        command.upgrade(config, "head")
