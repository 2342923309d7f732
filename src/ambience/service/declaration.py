"""How a service is declared: one frozen record that says what makes it differ."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from ambience.core.features import Extractor
from ambience.core.options import SearchOptions
from ambience.core.settings import ServiceSettings, check_table
from ambience.engine.embedded.snapshots import Snapshots
from ambience.engine.embedded.store import FeatureStore
from ambience.fusion import Evidence
from ambience.service.service import Service

S = TypeVar("S", bound=ServiceSettings)


@dataclass(frozen=True, slots=True)
class Parts(Generic[S]):
    """What every service is made of.

    Attributes:
        name: Of the service.
        settings: Its own.
        extractor: Makes its features.
        store: Keeps them.
        snapshots: Where snapshots of the index are.
    """

    name: str
    settings: S
    extractor: Extractor
    store: FeatureStore
    snapshots: Snapshots


@dataclass(frozen=True, kw_only=True)
class ServiceSpec(Generic[S]):
    """Everything that makes one service differ from the next.

    Attributes:
        name: Short, lower case; also its folder, URL prefix, settings table and label.
        finds: What a user gets from it, in one line.
        port: Where it is served when it runs alone.
        settings: Its own settings class.
        options: What a search may be told.
        reads_words: Whether the service is one that `ReadsWords`.
        evidence: Returns what its distances prove, given the settings; ``None``: its
            answers are shown, and not merged with those of others.
        make_extractor: Builds the extractor from the settings and the folder of
            models; may load one, so called once.
        assemble: Puts its parts together.
    """

    name: str
    finds: str
    port: int
    settings: type[S]
    options: type[SearchOptions] = field(default=SearchOptions)
    reads_words: bool = False
    evidence: Callable[[S], Evidence] | None = None
    make_extractor: Callable[[S, Path], Extractor]
    assemble: Callable[[Parts[S]], Service[Any]]

    def check(self, table: dict[str, Any]) -> S:
        """Return a settings table as this service's settings.

        Raises:
            BadParameterError: If the table has an unknown key or a bad value.
        """
        return check_table(self.settings, self.name, table)

    def folder(self, data: Path) -> Path:
        """Return where the service keeps its files."""
        return data / "services" / self.name

    def store_path(self, data: Path) -> Path:
        """Return where the service keeps its features."""
        return self.folder(data) / "store.lmdb"

    def open(self, settings: S, data: Path, *, readonly: bool = False) -> Service[Any]:
        """Assemble the running service from its parts.

        Args:
            settings: Its own.
            data: The data folder.
            readonly: Whether nothing may be written there.

        Raises:
            StoredDataError: If what is on disk can't be used; the sentence says how to
                mend it.
            UnavailableError: If a model is missing.
        """
        extractor = self.make_extractor(settings, data / "models")
        folder = self.folder(data)
        store = FeatureStore(self.store_path(data), extractor.spec, readonly=readonly)
        snapshots = Snapshots(folder / "index")
        try:
            return self.assemble(
                Parts(self.name, settings, extractor, store, snapshots)
            )
        except BaseException:
            store.close()
            raise
