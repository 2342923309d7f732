"""What a service may be able to do, one protocol per ability.

Callers ask a service for an ability with `AnyService.ability`, wherever it runs.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias, runtime_checkable

from ambience.core.features import ImageId
from ambience.core.matches import Answer, Match
from ambience.core.search_options import SearchOptions
from ambience.engine.collection import Reading
from ambience.service.search_request import SearchRequest

if TYPE_CHECKING:
    from ambience.imaging import ImageFile  # wakes libraries: see test_sleep.py


@dataclass(frozen=True, slots=True)
class Annotation:
    """What a service says about one image.

    Attributes:
        text: A sentence, or the words in the image.
        details: Everything else, as JSON values.
        model: The model that produced it.
    """

    text: str
    details: Mapping[str, Any] = field(default_factory=dict)
    model: str = ""


@runtime_checkable
class SearchesImages(Protocol):
    """Finds images like another one."""

    @property
    def options(self) -> type[SearchOptions]:
        """The class of its search options."""
        ...

    def search(self, image: "ImageFile", request: SearchRequest, /) -> Answer:
        """Find the images most like another, nearest first.

        Raises:
            BadParameterError: If an option is wrong.
        """
        ...

    def search_by_id(self, image_id: ImageId, request: SearchRequest, /) -> Answer:
        """Find images like a stored one, which itself is left out.

        Raises:
            NotFoundError: If the image is unknown.
            BadParameterError: If an option is wrong.
        """
        ...


@runtime_checkable
class SearchesText(Protocol):
    """Finds images by words."""

    def search_text(self, text: str, request: SearchRequest, /) -> Answer:
        """Find the images that words describe best, nearest first.

        Raises:
            BadParameterError: If an option is wrong, or the words are unusable.
        """
        ...


@runtime_checkable
class Annotates(Protocol):
    """Says something about an image."""

    def annotate(self, images: "Sequence[ImageFile]", /) -> list[Annotation]:
        """Return what there is to say about each image; nothing is stored."""
        ...


@runtime_checkable
class HoldsImages(Protocol):
    """Stores something about every image."""

    @property
    def working_side(self) -> int | None:
        """Longest side of the images to pass, in pixels; ``None`` if it needs none."""
        ...

    def extract(self, images: "Sequence[ImageFile]", /) -> list[object]:
        """Return what `put` needs for each image, in order."""
        ...

    def put(self, extracted: Mapping[ImageId, Any], /) -> None:
        """Add or replace images, given what `extract` returned for each."""
        ...

    def remove(self, ids: Sequence[ImageId], /) -> list[ImageId]:
        """Remove images; return those that were stored."""
        ...

    def ids(self, *, after: ImageId | None = None, limit: int) -> list[ImageId]:
        """Return at most ``limit`` ids above ``after``, in ascending order."""
        ...


@runtime_checkable
class ChecksFeatures(Protocol):
    """Can find and remove features that were damaged on disk."""

    def readings(self, *, after: ImageId | None = None) -> Iterator[Reading]:
        """Read every feature, in ascending order of ids, to find damaged ones."""
        ...

    def damaged(self, ids: Sequence[ImageId], /) -> list[ImageId]:
        """Return which of these images have damaged features."""
        ...

    def remove_damaged(self, ids: Sequence[ImageId], /) -> list[ImageId]:
        """Remove the damaged features among these; return their images."""
        ...

    def add_checksums(self, ids: Sequence[ImageId], /) -> None:
        """Add a checksum to the features among these that have none."""
        ...

    def highest_id(self, *, below: int) -> ImageId | None:
        """Return the highest id below a bound that was ever stored."""
        ...


@runtime_checkable
class Groups(Protocol):
    """Finds all groups of near images."""

    def groups(self, *, radius: float, turned: bool = False) -> list[list[ImageId]]:
        """Return the groups of images that chains of near images connect.

        Args:
            radius: The largest distance of neighbors in a chain.
            turned: Whether turned and mirrored copies count as near, too.
        """
        ...

    def compare(self, image_id: ImageId, others: Sequence[ImageId]) -> list[Match]:
        """Return the distances from an image to others, nearest first.

        Images that are unknown here or of too little quality are left out.
        """
        ...


@runtime_checkable
class Rebuilds(Protocol):
    """Can rebuild its index from what it stores."""

    def rebuild(self) -> None:
        """Build a new index and switch to it."""
        ...


@runtime_checkable
class Trainable(Protocol):
    """Has an index that can be fitted to the library."""

    def train(self) -> bool:
        """Fit the index to the stored features; return whether there were any."""
        ...


Abilities: TypeAlias = frozenset[type]
"""A set of the protocols above."""

RETRIEVAL: Final[Abilities] = frozenset(
    {SearchesImages, HoldsImages, ChecksFeatures, Rebuilds}
)
"""The abilities of every service that stores features of images."""

_NAMES: Final[Mapping[str, type]] = MappingProxyType(
    {
        "searches_images": SearchesImages,
        "searches_text": SearchesText,
        "annotates": Annotates,
        "holds_images": HoldsImages,
        "checks_features": ChecksFeatures,
        "groups": Groups,
        "rebuilds": Rebuilds,
        "trains": Trainable,
    }
)


def names_of(abilities: Collection[type]) -> list[str]:
    """Return the names of abilities, as in the status of a service."""
    return [name for name, kind in _NAMES.items() if kind in abilities]


def abilities_named(names: Iterable[str]) -> Abilities:
    """Return the abilities with these names; unknown names are ignored."""
    return frozenset(_NAMES[name] for name in names if name in _NAMES)
