"""Runs the steps on the catalog's open connection, in its transaction."""

from alembic import context

from ambience.catalog.schema import metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata
)
with context.begin_transaction():
    context.run_migrations()
