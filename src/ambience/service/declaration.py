"""How a service is declared: one frozen record with everything specific to it."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from ambience.core.features import Extractor
from ambience.core.search_options import SearchOptions
from ambience.core.settings import ServiceSettings, check_table
from ambience.engine import Engine
from ambience.engine.embedded.embedded_engine import STORE_FILE, EmbeddedEngine
from ambience.engine.embedded.store import distrust
from ambience.fusion import Evidence
from ambience.service.capabilities import RETRIEVAL, Abilities
from ambience.service.local_service import ImageFileAdapter, LocalService
from ambience.service.service import Service

S = TypeVar("S", bound=ServiceSettings)


@dataclass(frozen=True, slots=True)
class ServiceParts(Generic[S]):
    """What a service is assembled from.

    Attributes:
        name: The service.
        settings: Its settings.
        extractor: Extracts its features.
        engine: Opens the collection that stores them.
    """

    name: str
    settings: S
    extractor: Extractor
    engine: Engine


@dataclass(frozen=True, kw_only=True)
class Declaration(ABC, Generic[S]):
    """What is known about a service before it is opened.

    Attributes:
        name: Short and in lower case; also its folder, URL prefix, settings table and
            metric label.
        port: Its port when it runs alone.
        settings: The class of its settings.
        options: The class of its search options.
        abilities: What it can do: protocols of `ambience.service.capabilities`.
        evidence: Returns what its distances prove, given the settings; ``None``: its
            answers are shown, and not merged with those of others.
        is_slow: Whether it takes so long for an image that an import does not wait for
            it: the image is found by other services first, and by this one later.
    """

    name: str
    port: int
    settings: type[S]
    options: type[SearchOptions] = field(default=SearchOptions)
    abilities: Abilities
    evidence: Callable[[S], Evidence] | None = None
    is_slow: bool = False

    def check(self, table: dict[str, Any]) -> S:
        """Return a settings table as this service's settings.

        Raises:
            BadParameterError: If the table has an unknown key or a bad value.
        """
        return check_table(self.settings, self.name, table)

    def folder(self, data: Path) -> Path:
        """Return the folder with the service's files."""
        return _collections(data) / self.name

    def distrust(self, data: Path) -> None:
        """Have the service's files checked when they are opened next.

        Raises:
            OSError: If that can't be recorded.
        """

    @abstractmethod
    def open_here(
        self, settings: S, data: Path, *, readonly: bool = False
    ) -> LocalService:
        """Open the service in this process.

        Args:
            settings: Its settings.
            data: The data folder.
            readonly: Never write there.

        Raises:
            StoredDataError: If the stored data can't be used; the message says how to
                repair it.
            UnavailableError: If a model is missing.
        """


@dataclass(frozen=True, kw_only=True)
class ServiceSpec(Declaration[S], Generic[S]):
    """The declaration of a service that stores features.

    Attributes:
        make_extractor: Creates the extractor from the settings and the folder of
            models; called once, as it may load a model.
        assemble: Creates the service from its parts.
    """

    abilities: Abilities = RETRIEVAL
    make_extractor: Callable[[S, Path], Extractor]
    assemble: Callable[[ServiceParts[S]], Service[Any]]

    def store_path(self, data: Path) -> Path:
        """Return the file in which the embedded engine stores the features."""
        return self.folder(data) / STORE_FILE

    def distrust(self, data: Path) -> None:
        """See `Declaration.distrust`: even a file closed in order can decay on disk."""
        distrust(self.store_path(data))

    def open_here(
        self, settings: S, data: Path, *, readonly: bool = False
    ) -> LocalService:
        """See `Declaration.open_here`."""
        service = self.open(settings, data, readonly=readonly)
        adapter = ImageFileAdapter(service)
        return LocalService(
            self.name,
            self.abilities,
            [adapter, service],
            details=adapter.details,
            close=service.close,
            timeout_s=settings.timeout_s,
            is_slow=self.is_slow,
        )

    def open(
        self,
        settings: S,
        data: Path,
        *,
        readonly: bool = False,
        engine: Engine | None = None,
    ) -> Service[Any]:
        """Create the service itself; see `open_here`.

        Args:
            settings: Its settings.
            data: The data folder.
            readonly: Never write there.
            engine: Stores its features; ``None`` for files in the data folder.
        """
        extractor = self.make_extractor(settings, data / "models")
        if engine is None:
            engine = EmbeddedEngine(_collections(data), readonly=readonly)
        return self.assemble(ServiceParts(self.name, settings, extractor, engine))


def _collections(data: Path) -> Path:
    """Return the folder that contains each service's folder."""
    return data / "services"
