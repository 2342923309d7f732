"""Features on disk, kept through crashes: the truth from which indexes are made."""

from ambience.engine.collection import Reading
from ambience.engine.embedded.store.features import FeatureStore
from ambience.engine.embedded.store.readings import Changes
from ambience.engine.embedded.store.verification import distrust

__all__ = ["Changes", "FeatureStore", "Reading", "distrust"]
