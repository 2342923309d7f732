"""Opens collections that store their features in files and search them in memory."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from ambience.core.features import FeatureSpec
from ambience.engine.embedded.descriptors.stored_descriptors import StoredDescriptors
from ambience.engine.embedded.snapshots import Snapshots
from ambience.engine.embedded.store import FeatureStore
from ambience.engine.embedded.stored_vectors import StoredVectors

STORE_FILE = "store.lmdb"
"""The file with a service's features, in the service's folder."""

_INDEX_FOLDER = "index"

C = TypeVar("C")


class EmbeddedEngine:
    """The engine that needs no other process; see `ambience.engine.Engine`.

    Args:
        folder: Where each service has a folder of its own.
        readonly: Never write there.
    """

    def __init__(self, folder: Path, *, readonly: bool = False) -> None:
        self._folder = folder
        self._readonly = readonly

    def vectors(
        self, name: str, spec: FeatureSpec, *, min_quality: float = 0.0
    ) -> StoredVectors:
        """Open the collection of a service with one vector per image.

        Raises:
            StoredDataError: If the files can't be used or written.
        """
        return self._opened(name, spec, partial(StoredVectors, min_quality=min_quality))

    def descriptors(
        self, name: str, spec: FeatureSpec, *, threads: int = 1
    ) -> StoredDescriptors:
        """Open the collection of a service with many local descriptors per image.

        Raises:
            StoredDataError: If the files can't be used or written.
        """
        return self._opened(name, spec, partial(StoredDescriptors, threads=threads))

    def _opened(
        self,
        name: str,
        spec: FeatureSpec,
        collection: Callable[[str, FeatureStore, Snapshots], C],
    ) -> C:
        folder = self._folder / name
        store = FeatureStore(folder / STORE_FILE, spec, readonly=self._readonly)
        try:
            return collection(name, store, Snapshots(folder / _INDEX_FOLDER))
        except BaseException:
            store.close()
            raise
