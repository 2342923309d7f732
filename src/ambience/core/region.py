"""A part of an image to search with: a rectangle, in pixels as displayed."""

import re
from dataclasses import dataclass
from typing import Self

from ambience.core.errors import BadParameterError
from ambience.core.geometry import Size

_FOUR_NUMBERS = re.compile(r"\s*,\s*".join([r"([+-]?[0-9]{1,9})"] * 4))


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle of whole pixels.

    Attributes:
        x: The left side, in pixels from the left of the image.
        y: The upper side, in pixels from the top of the image.
        width: In pixels.
        height: In pixels.
    """

    x: int
    y: int
    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.x},{self.y},{self.width},{self.height}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the region written as ``x,y,width,height``.

        Raises:
            BadParameterError: If the text isn't four whole numbers.
        """
        numbers = _FOUR_NUMBERS.fullmatch(text.strip())
        if numbers is None:
            raise BadParameterError(
                "region: give x,y,width,height in whole pixels, such as 40,0,320,200"
            )
        return cls(*map(int, numbers.groups()))

    def check_within(self, size: Size) -> None:
        """Check that the region isn't empty and lies within an image.

        Raises:
            BadParameterError: If not; the sentence gives the image's size.
        """
        height, width = size
        if self.width < 1 or self.height < 1:
            wrong = "is empty"
        elif not (
            0 <= self.x <= width - self.width and 0 <= self.y <= height - self.height
        ):
            wrong = "is not within the image"
        else:
            return
        raise BadParameterError(
            f"region {self} {wrong}: the image is {width} pixels wide and {height} high"
        )

    def is_all_of(self, size: Size) -> bool:
        """Return whether the region covers a whole image of this size."""
        return self == Region(0, 0, size[1], size[0])
