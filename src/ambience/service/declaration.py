"""How a service is declared: one frozen record that says what makes it differ."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from ambience.core.features import Extractor
from ambience.core.settings import ServiceSettings, check_table
from ambience.index import VectorIndex
from ambience.index.snapshot import Snapshots
from ambience.service.retrieval import RetrievalService
from ambience.store import FeatureStore

S = TypeVar("S", bound=ServiceSettings)


@dataclass(frozen=True, kw_only=True)
class ServiceSpec(Generic[S]):
    """Everything that makes one retrieval service differ from the next.

    Attributes:
        name: Short, lower case; also its folder, URL prefix, settings table and label.
        finds: What a user gets from it, in one line.
        port: Where it is served when it runs alone.
        settings: Its own settings class.
        make_extractor: Builds the extractor; may load a model, so called once.
        make_index: Builds an empty index over a store.
        min_quality: See `RetrievalService`.
    """

    name: str
    finds: str
    port: int
    settings: type[S]
    make_extractor: Callable[[S], Extractor]
    make_index: Callable[[FeatureStore], VectorIndex]
    min_quality: float = 0.0

    def check(self, table: dict[str, Any]) -> S:
        """Return a settings table as this service's settings.

        Raises:
            BadParameterError: If the table has an unknown key or a bad value.
        """
        return check_table(self.settings, self.name, table)

    def folder(self, data: Path) -> Path:
        """Return where the service keeps its files."""
        return data / "services" / self.name

    def open(self, settings: S, data: Path) -> RetrievalService:
        """Assemble the running service from its parts.

        Raises:
            StoredDataError: If what is on disk can't be used; the sentence says how to
                mend it.
        """
        extractor = self.make_extractor(settings)
        folder = self.folder(data)
        store = FeatureStore(folder / "store.lmdb", extractor.spec)
        try:
            return RetrievalService(
                name=self.name,
                extractor=extractor,
                store=store,
                index=self.make_index(store),
                snapshots=Snapshots(folder / "index"),
                min_quality=self.min_quality,
            )
        except BaseException:
            store.close()
            raise
