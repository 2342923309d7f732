"""Everything that a data folder needs to run, built from its settings."""
