"""What a reverse search can search with: a file, an image of the library, or words."""

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
        region: The part of the image to search with; ``None`` for all of it.
        limits: The limits for this file; ``None`` for the usual ones.
    """

    data: bytes = field(repr=False)
    region: Region | None = None
    limits: Limits | None = None


@dataclass(frozen=True, slots=True)
class ById:
    """A search with an image of the library, which is itself left out.

    Attributes:
        image_id: The image.
        region: The part of it to search with, which needs its file; ``None`` for all of
            it, by its stored features.
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
