"""Stores features on disk durably; indexes are built from them."""

from ambience.engine.collection import Reading
from ambience.engine.embedded.store.change_batch import ChangeBatch
from ambience.engine.embedded.store.features import FeatureStore
from ambience.engine.embedded.store.lmdb_file import distrust

__all__ = ["ChangeBatch", "FeatureStore", "Reading", "distrust"]
