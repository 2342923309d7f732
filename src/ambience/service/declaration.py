"""How a service is declared: one frozen record that says what makes it differ."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from ambience.core.features import Extractor, Feature, Image, ImageId
from ambience.core.matches import Answer
from ambience.core.options import SearchOptions
from ambience.core.settings import ServiceSettings, check_table
from ambience.index.snapshot import Snapshots
from ambience.service.status import ServiceStatus
from ambience.store import FeatureStore

S = TypeVar("S", bound=ServiceSettings)


class Service(Protocol):
    """A running service, whatever its features are.

    Every change is written to the store first. Searches run at once with each other
    and with changes, and see every change that ended before they began.
    """

    name: str
    extractor: Extractor
    store: FeatureStore

    def status(self) -> ServiceStatus:
        """Return how the service is doing."""
        ...

    def add(self, images: Mapping[ImageId, Image]) -> None:
        """Extract and keep the features of images; adding an id again replaces it."""
        ...

    def add_features(self, features: Mapping[ImageId, Feature]) -> None:
        """Keep features that were extracted elsewhere; all of them, or none."""
        ...

    def remove(self, ids: Sequence[ImageId]) -> list[ImageId]:
        """Forget images; return those that were known."""
        ...

    def search(
        self,
        image: Image,
        *,
        k: int | None = None,
        radius: float | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> Answer:
        """Find the images most like one, nearest first.

        Args:
            image: What to search with.
            k: How many at most; or
            radius: how far at most. Exactly one of the two.
            options: Fields of the service's own `ServiceSpec.options`.

        Raises:
            BadParameterError: If an option is wrong, or both or none of ``k`` and
                ``radius`` are given.
        """
        ...

    def search_by_id(
        self,
        image_id: ImageId,
        *,
        k: int | None = None,
        radius: float | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> Answer:
        """Find images like a known one, which itself is left out.

        Raises:
            NotFoundError: If ``image_id`` is unknown.
            BadParameterError: As for `search`.
        """
        ...

    def rebuild(self) -> None:
        """Fill a fresh index from the store and use it from then on."""
        ...

    def snapshot(self) -> None:
        """Write the index to disk if it changed since the last time."""
        ...

    def close(self) -> None:
        """Write a snapshot if anything changed since the last; release the files."""
        ...


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
        make_extractor: Builds the extractor from the settings and the folder of
            models; may load one, so called once.
        assemble: Puts its parts together.
    """

    name: str
    finds: str
    port: int
    settings: type[S]
    options: type[SearchOptions] = field(default=SearchOptions)
    make_extractor: Callable[[S, Path], Extractor]
    assemble: Callable[[Parts[S]], Service]

    def check(self, table: dict[str, Any]) -> S:
        """Return a settings table as this service's settings.

        Raises:
            BadParameterError: If the table has an unknown key or a bad value.
        """
        return check_table(self.settings, self.name, table)

    def folder(self, data: Path) -> Path:
        """Return where the service keeps its files."""
        return data / "services" / self.name

    def open(self, settings: S, data: Path) -> Service:
        """Assemble the running service from its parts.

        Raises:
            StoredDataError: If what is on disk can't be used; the sentence says how to
                mend it.
            UnavailableError: If a model is missing.
        """
        extractor = self.make_extractor(settings, data / "models")
        folder = self.folder(data)
        store = FeatureStore(folder / "store.lmdb", extractor.spec)
        snapshots = Snapshots(folder / "index")
        try:
            return self.assemble(
                Parts(self.name, settings, extractor, store, snapshots)
            )
        except BaseException:
            store.close()
            raise
