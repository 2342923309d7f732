"""How an annotation service is declared."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from ambience.core.settings import ServiceSettings
from ambience.service.annotators.annotator import Annotator
from ambience.service.capabilities import Abilities, Annotates
from ambience.service.declaration import Declaration
from ambience.service.local_service import LocalService

S = TypeVar("S", bound=ServiceSettings)


@dataclass(frozen=True, kw_only=True)
class AnnotatorSpec(Declaration[S], Generic[S]):
    """Everything that makes one annotation service differ from the next.

    Attributes:
        make: Builds it from its name, its settings and the folder of models.
    """

    abilities: Abilities = frozenset({Annotates})
    make: Callable[[str, S, Path], Annotator[Any]]

    def open_here(
        self, settings: S, data: Path, *, readonly: bool = False
    ) -> LocalService:
        """See `Declaration.open_here`."""
        del readonly  # it writes nothing
        annotator = self.make(self.name, settings, data / "models")
        return LocalService(
            self.name,
            self.abilities,
            [annotator],
            details=lambda: {"model": annotator.model},
            close=annotator.close,
            timeout_s=settings.timeout_s,
            is_slow=self.is_slow,
        )
