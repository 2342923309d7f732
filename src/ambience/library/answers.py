"""What a library returns: images, matches and groups, which notebooks can display."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ambience.catalog import ImageRecord
from ambience.core.features import ImageId
from ambience.core.matches import FusedMatch, Relation, score_text
from ambience.library.notebook import Figure, figures
from ambience.search.reverse_search import ReverseSearch

Thumbnail = Callable[[ImageRecord], bytes | None]
"""Returns the thumbnail of an image as WebP, or None if there is none."""


@dataclass(frozen=True, slots=True)
class LibraryImage:
    """An image of a library.

    Attributes:
        image_id: Its key.
        record: Its record in the catalog.
    """

    image_id: ImageId
    record: ImageRecord = field(repr=False)
    _thumbnail: Thumbnail = field(repr=False, compare=False)

    def __repr__(self) -> str:
        height, width = self.size
        where = "" if self.path is None else f", {str(self.path)!r}"
        return f"LibraryImage({self.image_id}, {width} x {height}{where})"

    @property
    def path(self) -> Path | None:
        """The user's file; None if it was added from memory."""
        return self.record.path

    @property
    def size(self) -> tuple[int, int]:
        """Its ``(height, width)`` in pixels, as displayed."""
        return self.record.size

    def thumbnail(self) -> bytes | None:
        """Return its thumbnail as WebP, at most 512 pixels; None if there is none.

        This also works after the library is closed.
        """
        return self._thumbnail(self.record)

    def _repr_html_(self) -> str:
        return figures([_shown(self)])


@dataclass(frozen=True, slots=True)
class LibraryMatch:
    """An image that a search found.

    Attributes:
        image: The image; None if a service holds it but the library does not.
        match: How it relates to the query, and why.
    """

    image: LibraryImage | None
    match: FusedMatch

    def __repr__(self) -> str:
        return (
            f"LibraryMatch({self.image_id}, {score_text(self.score)}, {self.summary!r})"
        )

    @property
    def image_id(self) -> ImageId:
        """The key of the image."""
        return self.match.image_id

    @property
    def relation(self) -> Relation:
        """How the query relates to the image."""
        return self.match.relation

    @property
    def score(self) -> float:
        """The probability that the relation is true, 0 to 1."""
        return self.match.score

    @property
    def evidence(self) -> Mapping[str, Mapping[str, Any]]:
        """What each service measured, by service."""
        return self.match.evidence

    @property
    def summary(self) -> str:
        """The relation and its evidence in words."""
        return self.match.summary

    @property
    def path(self) -> Path | None:
        """The user's file; None if there is none."""
        return None if self.image is None else self.image.path

    def _repr_html_(self) -> str:
        return figures([_shown_match(self)])


@dataclass(frozen=True, slots=True)
class SearchResult:
    """What a search found, best first; empty if nothing fits.

    Attributes:
        matches: The images.
        unavailable: Why services gave no answer, by service.
        found: The whole answer, including what each service found.
    """

    matches: Sequence[LibraryMatch]
    unavailable: Mapping[str, str]
    found: ReverseSearch = field(repr=False)

    def __iter__(self) -> Iterator[LibraryMatch]:
        return iter(self.matches)

    def __len__(self) -> int:
        return len(self.matches)

    def __getitem__(self, number: int) -> LibraryMatch:
        return self.matches[number]

    @property
    def notes(self) -> list[str]:
        """Why services found nothing, such as that the image is nearly flat."""
        said = {answer.answer.note for answer in self.found.services.values()}
        return sorted(said - {""})

    def _repr_html_(self) -> str:
        shown = map(_shown_match, self.matches)
        said = [f"{name}: {reason}" for name, reason in self.unavailable.items()]
        if not self.matches:
            said = ["nothing similar in this library", *self.notes, *said]
        return figures(list(shown), said)


@dataclass(frozen=True, slots=True)
class DuplicateImages:
    """Images that are the same picture.

    Attributes:
        keeper: The one to keep.
        others: The other copies, and how each relates to the keeper.
        parts: Images that show a part of it, or show it along with other things.
    """

    keeper: LibraryImage
    others: Sequence[LibraryMatch]
    parts: Sequence[LibraryMatch] = ()

    def _repr_html_(self) -> str:
        keeper = _shown(self.keeper, "keep")
        others = map(_shown_match, [*self.others, *self.parts])
        return figures([keeper, *others])


def _shown(image: LibraryImage, *said: str) -> Figure:
    """Return an image with its name."""
    return Figure(image.thumbnail(), image.size, [*said, _named(image)])


def _shown_match(found: LibraryMatch) -> Figure:
    """Return a match, with an outline of the part that the query shows."""
    said = [f"{found.relation}, {score_text(found.score)}", found.summary]
    if found.image is None:
        return Figure(None, (1, 1), [*said, f"image {found.image_id}"])
    regions = (one.get("image_region") for one in found.evidence.values())
    outline = next((region for region in regions if region is not None), None)
    image = found.image
    return Figure(image.thumbnail(), image.size, [*said, _named(image)], outline)


def _named(image: LibraryImage) -> str:
    if image.path is None:
        return f"image {image.image_id}"
    return image.path.name.encode(errors="replace").decode()
