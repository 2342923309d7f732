"""Steps that bring the catalog of an earlier ambience up to date, run by Alembic."""
