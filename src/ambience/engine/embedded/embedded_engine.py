"""Opens collections that keep their features in files and are searched in memory."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from ambience.core.features import FeatureSpec
from ambience.engine.embedded.descriptors.stored_descriptors import StoredDescriptors
from ambience.engine.embedded.snapshots import Snapshots
from ambience.engine.embedded.store import FeatureStore
from ambience.engine.embedded.stored_vectors import StoredVectors

STORE_FILE = "store.lmdb"
"""A service's features, in its folder."""

_INDEX_FOLDER = "index"

C = TypeVar("C")


class EmbeddedEngine:
    """The engine that needs no other process; see `ambience.engine.Engine`.

    Args:
        folder: Where each service has a folder of its own.
        readonly: Whether nothing may be written there.
    """

    def __init__(self, folder: Path, *, readonly: bool = False) -> None:
        self._folder = folder
        self._readonly = readonly

    def vectors(
        self, name: str, spec: FeatureSpec, *, min_quality: float = 0.0
    ) -> StoredVectors:
        """Open the collection of a service with one feature an image.

        Raises:
            StoredDataError: If what is on disk can't be used, or can't be written to.
        """
        return self._opened(
            name,
            spec,
            lambda store, snapshots: StoredVectors(
                name, store, snapshots, min_quality=min_quality
            ),
        )

    def descriptors(
        self, name: str, spec: FeatureSpec, *, threads: int = 1
    ) -> StoredDescriptors:
        """Open the collection of a service with many local descriptors an image.

        Raises:
            StoredDataError: If what is on disk can't be used, or can't be written to.
        """
        return self._opened(
            name,
            spec,
            lambda store, snapshots: StoredDescriptors(
                name, store, snapshots, threads=threads
            ),
        )

    def _opened(
        self,
        name: str,
        spec: FeatureSpec,
        make: Callable[[FeatureStore, Snapshots], C],
    ) -> C:
        own = self._folder / name
        store = FeatureStore(own / STORE_FILE, spec, readonly=self._readonly)
        try:
            return make(store, Snapshots(own / _INDEX_FOLDER))
        except BaseException:
            store.close()
            raise
