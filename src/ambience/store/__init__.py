"""Features on disk, kept through crashes: the truth from which indexes are made."""

from ambience.store.features import FeatureStore
from ambience.store.readings import Changes, Reading
from ambience.store.verification import distrust

__all__ = ["Changes", "FeatureStore", "Reading", "distrust"]
