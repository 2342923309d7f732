"""The tables of the catalog, the same in SQLite and in PostgreSQL."""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    text,
)

VERSIONS: Final = ("0001", "0002")
"""The revisions in ``migrations``, oldest first; the last matches `metadata`."""

# SQLite numbers rows by a column of exactly this type, and its strict tables allow it.
_NUMBER = BigInteger().with_variant(Integer(), "sqlite")
# Sorted by code points, as in SQLite, whatever the database's language.
_TEXT = Text().with_variant(Text(collation="C"), "postgresql")

metadata = MetaData()

images = Table(
    "images",
    metadata,
    Column("image_id", _NUMBER, primary_key=True, autoincrement=False),
    Column("path", LargeBinary, unique=True),  # the user's file, as the system names it
    Column("original", _TEXT),  # or our own copy, relative to originals/
    Column("sha256", LargeBinary, nullable=False),
    Column("byte_count", _NUMBER, nullable=False),
    Column("height", _NUMBER, nullable=False),
    Column("width", _NUMBER, nullable=False),
    Column("format", _TEXT, nullable=False),
    # When it was taken; otherwise when the file was made.
    Column("shown_at", _TEXT, nullable=False),
    Column("modified_ns", _NUMBER),  # of the user's file, to see that it changed
    Column("added_at", _TEXT, nullable=False),
    Column("missing", _NUMBER, nullable=False, server_default=text("0")),
    Index("images_by_sha256", "sha256"),
    Index("images_by_date", "shown_at", "image_id"),
    sqlite_strict=True,
)

trash = Table(
    "trash",
    metadata,
    Column("number", _NUMBER, primary_key=True),  # later entries have higher ones
    Column("image_id", _NUMBER, nullable=False),
    Column("path", LargeBinary),
    Column("trashed", _TEXT),  # our own copy, relative to trash/
    Column("sha256", LargeBinary, nullable=False),
    Column("deleted_at", _TEXT, nullable=False),
    # Whether a caller has since used its id at one service alone.
    Column("alone", _NUMBER, nullable=False, server_default=text("0")),
    Index("trash_by_path", "path"),
    Index("trash_by_image", "image_id"),
    sqlite_strict=True,
)

journal = Table(
    "journal",
    metadata,
    Column("image_id", _NUMBER, primary_key=True, autoincrement=False),
    Column("owner", _TEXT, nullable=False),  # the lease under which it was begun
    Column("operation", _TEXT, nullable=False),
    Column("source", _TEXT, nullable=False),  # staged bytes, relative to staging/
    Column("keep", _NUMBER, nullable=False),  # whether they are to become an original
    sqlite_strict=True,
)

leases = Table(
    "leases",
    metadata,
    Column("owner", _TEXT, primary_key=True),
    Column("expires_ms", _NUMBER, nullable=False),  # since 1970, by the database
    Column("file", _TEXT, nullable=False),  # identifies SQLite's file; else empty
    Column("machine", _TEXT, nullable=False),  # identifies the running system
    Column("lock", _TEXT, nullable=False),  # the file that the process has locked
    Column("process", _TEXT, nullable=False),  # for people: where it runs
    sqlite_strict=True,
)

counters = Table(
    "counters",
    metadata,
    Column("name", _TEXT, primary_key=True),
    Column("value", _NUMBER, nullable=False),
    sqlite_strict=True,
)

missed = Table(
    "missed",
    metadata,
    Column("service", _TEXT, primary_key=True),
    Column("image_id", _NUMBER, primary_key=True, autoincrement=False),
    Column("reason", _TEXT, nullable=False),  # why the service could not follow
    Column("since", _TEXT, nullable=False),
    # Whether it was tried, and can't be done.
    Column("stuck", _NUMBER, nullable=False, server_default=text("0")),
    # Whether it was left for later on purpose: nothing went wrong.
    Column("put_off", _NUMBER, nullable=False, server_default=text("0")),
    # The lease under which somebody is working on it; empty for nobody.
    Column("worker", _TEXT, nullable=False, server_default=text("''")),
    Index(
        "missed_waiting",
        "service",
        "image_id",
        sqlite_where=text("stuck = 0"),
        postgresql_where=text("stuck = 0"),
    ),
    Index(
        "missed_at_work",
        "worker",
        sqlite_where=text("worker <> ''"),
        postgresql_where=text("worker <> ''"),
    ),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

claims = Table(  # ids that callers use at one service alone
    "claims",
    metadata,
    Column("service", _TEXT, primary_key=True),
    Column("image_id", _NUMBER, primary_key=True, autoincrement=False),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

NEXT_IMAGE_ID: Final = "next_image_id"
"""The counter of assigned ids."""

CLAIMS_COMPLETE: Final = "claims_complete"
"""The counter that is 1 if every id that is used at one service alone is noted."""

version = Table(  # Alembic's own
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), primary_key=True),
)
