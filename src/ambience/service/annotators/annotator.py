"""What all annotation services share: they look at images and say something."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Generic, TypeVar

from ambience.core.settings import ServiceSettings
from ambience.service.capabilities import Annotation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ambience.imaging import ImageFile  # wakes libraries: see test_sleep.py

S = TypeVar("S", bound=ServiceSettings)


class Annotator(ABC, Generic[S]):
    """An annotation service; it stores nothing about the images it is shown.

    Any number of threads may call `annotate` at once.

    Attributes:
        name: The service.
        settings: Its settings.
        model: The name of its model, as in each annotation; empty if it has none.
    """

    model = ""

    def __init__(self, name: str, settings: S) -> None:
        self.name = name
        self.settings = settings

    @abstractmethod
    def annotate(self, images: "Sequence[ImageFile]") -> list[Annotation]:
        """Return what there is to say about each image, in order.

        Raises:
            BadInputError: If one of them can't be decoded.
            UnavailableError: If its model can't be used now.
        """

    def close(self) -> None:
        """Release the model, if it has one."""
