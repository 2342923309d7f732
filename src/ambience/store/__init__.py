"""Features on disk, kept through crashes: the truth from which indexes are made."""

from ambience.store.features import Changes, FeatureStore

__all__ = ["Changes", "FeatureStore"]
