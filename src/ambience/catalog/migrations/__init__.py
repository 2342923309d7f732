"""Steps that update the catalog of an older ambience, run by Alembic."""
