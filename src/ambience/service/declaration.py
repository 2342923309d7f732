"""How a service is declared: one frozen record that says what makes it differ."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from ambience.core.features import Extractor
from ambience.core.options import SearchOptions
from ambience.core.settings import ServiceSettings, check_table
from ambience.engine import Engine
from ambience.engine.embedded.embedded_engine import STORE_FILE, EmbeddedEngine
from ambience.engine.embedded.store import distrust
from ambience.fusion import Evidence
from ambience.service.capabilities import RETRIEVAL, Abilities
from ambience.service.local_service import HeldFeatures, LocalService
from ambience.service.service import Service

S = TypeVar("S", bound=ServiceSettings)


@dataclass(frozen=True, slots=True)
class Parts(Generic[S]):
    """What every service is made of.

    Attributes:
        name: Of the service.
        settings: Its own.
        extractor: Makes its features.
        engine: Opens the collection that keeps them.
    """

    name: str
    settings: S
    extractor: Extractor
    engine: Engine


@dataclass(frozen=True, kw_only=True)
class Declaration(ABC, Generic[S]):
    """What is known of a service before it is opened.

    Attributes:
        name: Short, lower case; also its folder, URL prefix, settings table and label.
        finds: What a user gets from it, in one line.
        port: Where it is served when it runs alone.
        settings: Its own settings class.
        options: What a search may be told.
        abilities: What it can do: protocols of `ambience.service.capabilities`.
        evidence: Returns what its distances prove, given the settings; ``None``: its
            answers are shown, and not merged with those of others.
        is_slow: Whether it takes so long for an image that an import does not wait for
            it: the image is found by other services first, and by this one later.
    """

    name: str
    finds: str
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
        """Return where the service keeps its files."""
        return _collections(data) / self.name

    def distrust(self, data: Path) -> None:
        """Have what is kept looked through when it is opened next, whatever it says.

        Raises:
            OSError: If that can't be noted down.
        """

    @abstractmethod
    def open_here(
        self, settings: S, data: Path, *, readonly: bool = False
    ) -> LocalService:
        """Open the service in this process.

        Args:
            settings: Its own.
            data: The data folder.
            readonly: Whether nothing may be written there.
            engine: Keeps its features; ``None``: files in the data folder.

        Raises:
            StoredDataError: If what is on disk can't be used; the sentence says how to
                mend it.
            UnavailableError: If a model is missing.
        """


@dataclass(frozen=True, kw_only=True)
class ServiceSpec(Declaration[S], Generic[S]):
    """Everything that makes one service of features differ from the next.

    Attributes:
        make_extractor: Builds the extractor from the settings and the folder of
            models; may load one, so called once.
        assemble: Puts its parts together.
    """

    abilities: Abilities = RETRIEVAL
    make_extractor: Callable[[S, Path], Extractor]
    assemble: Callable[[Parts[S]], Service[Any]]

    def store_path(self, data: Path) -> Path:
        """Return where the embedded engine keeps the service's features."""
        return self.folder(data) / STORE_FILE

    def distrust(self, data: Path) -> None:
        """See `Declaration.distrust`: disks forget, even what was closed in order."""
        distrust(self.store_path(data))

    def open_here(
        self, settings: S, data: Path, *, readonly: bool = False
    ) -> LocalService:
        """See `Declaration.open_here`."""
        service = self.open(settings, data, readonly=readonly)
        held = HeldFeatures(service)
        return LocalService(
            self.name,
            self.abilities,
            [held, service],
            details=held.details,
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
        """Assemble the running service from its parts; see `open_here`.

        Args:
            settings: Its own.
            data: The data folder.
            readonly: Whether nothing may be written there.
            engine: Keeps its features; ``None``: files in the data folder.
        """
        extractor = self.make_extractor(settings, data / "models")
        if engine is None:
            engine = EmbeddedEngine(_collections(data), readonly=readonly)
        return self.assemble(Parts(self.name, settings, extractor, engine))


def _collections(data: Path) -> Path:
    """Return the folder in which each service has its own."""
    return data / "services"
