"""Distinguishes work that was put off from missed work, and records who does it."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_AT_WORK = sa.text("worker <> ''")


def upgrade() -> None:
    """Add two columns: everything listed so far was missed, and nobody is doing it."""
    op.add_column(
        "missed",
        sa.Column("put_off", _NUMBER, nullable=False, server_default=sa.text("0")),
    )
    op.add_column(
        "missed",
        sa.Column("worker", _TEXT, nullable=False, server_default=sa.text("''")),
    )
    op.create_index(
        "missed_at_work",
        "missed",
        ["worker"],
        sqlite_where=_AT_WORK,
        postgresql_where=_AT_WORK,
    )
