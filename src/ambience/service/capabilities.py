"""What a service can do, each ability by itself: a service has those that it has.

Whoever needs one asks a service for it by `AnyService.ability`, whether it runs in this
process or elsewhere.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias, runtime_checkable

from ambience.core.features import ImageId
from ambience.core.matches import Answer, Match
from ambience.core.options import SearchOptions
from ambience.engine.collection import Reading
from ambience.service.search_request import SearchRequest

if TYPE_CHECKING:
    from ambience.imaging import ImageFile  # wakes libraries: see test_sleep.py


@dataclass(frozen=True, slots=True)
class Annotation:
    """What a service says about one image.

    Attributes:
        text: In words: a sentence, or the words read.
        details: What else it says, as JSON values.
        model: What says so.
    """

    text: str
    details: Mapping[str, Any] = field(default_factory=dict)
    model: str = ""


@runtime_checkable
class SearchesImages(Protocol):
    """Finds images like another one."""

    @property
    def options(self) -> type[SearchOptions]:
        """What a search may be told."""
        ...

    def search(self, image: "ImageFile", request: SearchRequest, /) -> Answer:
        """Find the images most like one, nearest first.

        Raises:
            BadParameterError: If an option is wrong.
        """
        ...

    def search_by_id(self, image_id: ImageId, request: SearchRequest, /) -> Answer:
        """Find images like a known one, which itself is left out.

        Raises:
            NotFoundError: If it is unknown.
            BadParameterError: If an option is wrong.
        """
        ...


@runtime_checkable
class SearchesText(Protocol):
    """Finds images by words."""

    def search_text(self, text: str, request: SearchRequest, /) -> Answer:
        """Find the images that words describe best, nearest first.

        Raises:
            BadParameterError: If an option is wrong, or the words say nothing here.
        """
        ...


@runtime_checkable
class Annotates(Protocol):
    """Says something about an image."""

    def annotate(self, images: "Sequence[ImageFile]", /) -> list[Annotation]:
        """Return what there is to say about each image; nothing is kept."""
        ...


@runtime_checkable
class HoldsImages(Protocol):
    """Keeps something of every image."""

    def extract(self, images: "Sequence[ImageFile]", /) -> list[object]:
        """Return what `put` needs to know of each image."""
        ...

    def put(self, extracted: Mapping[ImageId, Any], /) -> None:
        """Add or replace images, given what `extract` returned for each."""
        ...

    def remove(self, ids: Sequence[ImageId], /) -> list[ImageId]:
        """Forget images; return those that were known."""
        ...

    def ids(self, *, after: ImageId | None = None, limit: int) -> list[ImageId]:
        """Return which images it has, in order: those above one, so many at most."""
        ...


@runtime_checkable
class ChecksFeatures(Protocol):
    """Reads what it keeps, to find what has changed on disk by itself."""

    def readings(self, *, after: ImageId | None = None) -> Iterator[Reading]:
        """Read every feature, by id."""
        ...

    def damaged(self, ids: Sequence[ImageId], /) -> list[ImageId]:
        """Return those of these images whose features are damaged."""
        ...

    def remove_damaged(self, ids: Sequence[ImageId], /) -> list[ImageId]:
        """Remove those of these images whose features are damaged; return them."""
        ...

    def add_checksums(self, ids: Sequence[ImageId], /) -> None:
        """Give a checksum to those of these features that have none, as they are."""
        ...

    def highest_id(self, *, below: int) -> ImageId | None:
        """Return the highest id of an image, removed ones included, below a bound."""
        ...


@runtime_checkable
class Groups(Protocol):
    """Finds all images that are near one another."""

    def groups(self, *, radius: float, turned: bool = False) -> list[list[ImageId]]:
        """Return the groups of images that chains of near ones connect.

        Args:
            radius: How far neighbors in a chain may be apart.
            turned: Whether turned and mirrored versions count as near, too.
        """
        ...

    def compare(self, image_id: ImageId, others: Sequence[ImageId]) -> list[Match]:
        """Return how far some known images are from another, nearest first.

        Images that are not known here, or of too little quality, are left out.
        """
        ...


@runtime_checkable
class Rebuilds(Protocol):
    """Can make its index anew from what it keeps."""

    def rebuild(self) -> None:
        """Make the index anew and use it from then on."""
        ...


@runtime_checkable
class Trainable(Protocol):
    """Has an index that is fitted to a library."""

    def train(self) -> bool:
        """Fit the index to what there is now; return whether there was anything."""
        ...


Abilities: TypeAlias = frozenset[type]
"""Some of the protocols above."""

RETRIEVAL: Final[Abilities] = frozenset(
    {SearchesImages, HoldsImages, ChecksFeatures, Rebuilds}
)
"""What every service can do that keeps features of images."""

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
    """Return how abilities are called in the status of a service."""
    return [name for name, kind in _NAMES.items() if kind in abilities]


def abilities_named(names: Iterable[str]) -> Abilities:
    """Return the abilities of these names; those of a newer version are left out."""
    return frozenset(_NAMES[name] for name in names if name in _NAMES)
