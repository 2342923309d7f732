"""Gives changes under way a lease, and the trash an order of its own."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Change an SQLite catalog that was made before there were revisions."""
    op.create_table(
        "leases",
        sa.Column("owner", sa.Text, primary_key=True),
        sa.Column("expires_ms", sa.Integer, nullable=False),
        sa.Column("file", sa.Text, nullable=False),
        sa.Column("machine", sa.Text, nullable=False),
        sa.Column("lock", sa.Text, nullable=False),
        sa.Column("process", sa.Text, nullable=False),
        sqlite_strict=True,
    )
    # The implicit row number becomes a column: other databases don't have one.
    op.rename_table("trash", "trash_before")
    op.drop_index("trash_by_path", "trash_before")
    op.drop_index("trash_by_image", "trash_before")
    op.create_table(
        "trash",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("image_id", sa.Integer, nullable=False),
        sa.Column("path", sa.LargeBinary),
        sa.Column("trashed", sa.Text),
        sa.Column("sha256", sa.LargeBinary, nullable=False),
        sa.Column("deleted_at", sa.Text, nullable=False),
        sa.Column("alone", sa.Integer, nullable=False, server_default=sa.text("0")),
        sqlite_strict=True,
    )
    op.create_index("trash_by_path", "trash", ["path"])
    op.create_index("trash_by_image", "trash", ["image_id"])
    op.execute(
        "INSERT INTO trash SELECT rowid, image_id, path, trashed, sha256, deleted_at, "
        "alone FROM trash_before"
    )
    op.drop_table("trash_before")
