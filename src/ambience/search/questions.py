"""What a reverse search is made with: an image, one of the library, or words."""

from dataclasses import dataclass, field
from typing import TypeAlias

from ambience.core.features import ImageId
from ambience.core.region import Region
from ambience.imaging import Limits


@dataclass(frozen=True, slots=True)
class ByImage:
    """A search with an image.

    Attributes:
        data: The whole file.
        region: The part of it to search with; ``None``: all of it.
        limits: What it may cost; ``None``: what any image may.
    """

    data: bytes = field(repr=False)
    region: Region | None = None
    limits: Limits | None = None


@dataclass(frozen=True, slots=True)
class ById:
    """A search with an image that is known, which itself is no match.

    Attributes:
        image_id: Which.
        region: The part of it to search with, which takes its file; ``None``: all of
            it, by the features that are stored.
    """

    image_id: ImageId
    region: Region | None = None


@dataclass(frozen=True, slots=True)
class ByWords:
    """A search with words.

    Attributes:
        text: The words.
    """

    text: str


Question: TypeAlias = ByImage | ById | ByWords
