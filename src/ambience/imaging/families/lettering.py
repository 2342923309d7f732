"""Draws text and photographs on sheets, as on pages, screens and captions."""

from collections.abc import Sequence
from typing import Final, TypeAlias

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw

from ambience.imaging.edits.drawing import pillow_font
from ambience.imaging.edits.edited_image import Pixels

Rng: TypeAlias = np.random.Generator
Color: TypeAlias = tuple[int, int, int]
Box: TypeAlias = tuple[float, float, float, float]
"""``(left, top, right, bottom)`` in pixels."""

_SYLLABLES: Final = """\
a al an ar ba be ber bra ca cal car ce co con da de der di do e el en er es fa fer fi fo
ga ge gra ha hel hi in ing ka ker la le ler li lo lu ma me men mi mo na ne ni no o on or
pa per pi po ra re ri ro sa se sen si so sta ta te ter ti to tra u un ur va ve vi vo wa
we wi"""
_LENGTHS: Final = (1, 2, 2, 2, 3, 3, 4)  # syllables per word, as often as listed
_LEADING: Final = 1.45  # from line to line, in heights of the letters
INK: Final[Color] = (30, 30, 35)
WHITE: Final[Color] = (255, 255, 255)


def word(rng: Rng) -> str:
    """Return a random word that belongs to no language."""
    count = int(rng.choice(_LENGTHS))
    return "".join(rng.choice(_SYLLABLES.split(), count).tolist())


def words(rng: Rng, count: int) -> str:
    """Return random words, the first of them capitalized."""
    return " ".join(word(rng) for _ in range(count)).capitalize()


def amount(rng: Rng) -> str:
    """Return a random sum of money."""
    return f"{rng.integers(3, 9999)}.{rng.integers(0, 100):02d}"


class Sheet:
    """An image to write on.

    Args:
        size: ``(height, width)`` in pixels.
        paper: Its color.
    """

    def __init__(self, size: tuple[int, int], paper: Color = WHITE) -> None:
        self.height, self.width = size
        self._picture = Pillow.new("RGB", (self.width, self.height), paper)
        self.pen = ImageDraw.Draw(self._picture)

    @property
    def pixels(self) -> Pixels:
        """The pixels of the sheet, shape ``(height, width, 3)``."""
        return np.array(self._picture)

    def write(  # noqa: PLR0913 -- how it looks, each passed in by name
        self,
        place: tuple[float, float],
        text: str,
        *,
        size: float,
        ink: Color = INK,
        anchor: str = "la",
        bold: bool = False,
    ) -> None:
        """Write one line of text; see Pillow for ``anchor``."""
        self.pen.text(
            place,
            text,
            fill=ink,
            font=pillow_font(size),
            anchor=anchor,
            stroke_width=size / 24 if bold else 0,
            stroke_fill=ink,
        )

    def fill_with_text(  # noqa: PLR0913 -- how it looks, each passed in by name
        self,
        box: Box,
        rng: Rng,
        *,
        size: float,
        ink: Color = INK,
        bold: bool = False,
        paragraph: int = 6,
    ) -> None:
        """Fill a box with paragraphs of random words.

        Args:
            box: The box to fill.
            rng: The random generator for the words.
            size: The height of the letters, in pixels.
            ink: The color of the letters.
            bold: Whether they are bold.
            paragraph: Lines per paragraph, of which the last is half empty.
        """
        left, top, right, bottom = box
        font = pillow_font(size)
        line = 0
        while top + size <= bottom:
            line += 1
            ends = line % paragraph == 0
            room = (right - left) * (0.5 if ends else 1)
            text = word(rng)
            while font.getlength(longer := f"{text} {word(rng)}") <= room:
                text = longer
            self.write((left, top), text, size=size, ink=ink, bold=bold)
            top += size * _LEADING * (1.6 if ends else 1)

    def wrapped(self, text: str, *, size: float, width: float) -> list[str]:
        """Break a text into lines that fit into a width."""
        font, lines = pillow_font(size), [""]
        for one in text.split():
            longer = f"{lines[-1]} {one}".lstrip()
            if lines[-1] and font.getlength(longer) > width:
                lines.append(one)
            else:
                lines[-1] = longer
        return lines

    def show(self, photograph: Pixels, box: Box) -> None:
        """Fill a box with the middle of a photograph."""
        left, top, right, bottom = (round(side) for side in box)
        self._picture.paste(
            Pillow.fromarray(covering(photograph, (bottom - top, right - left))),
            (left, top),
        )


def covering(photograph: Pixels, size: tuple[int, int]) -> Pixels:
    """Return the middle of a photograph, scaled to cover a size."""
    height, width = size
    scale = max(height / photograph.shape[0], width / photograph.shape[1])
    shown_height, shown_width = height / scale, width / scale
    top = max(0.0, (photograph.shape[0] - shown_height) / 2)
    left = max(0.0, (photograph.shape[1] - shown_width) / 2)
    picture = Pillow.fromarray(photograph).resize(
        (width, height),
        Pillow.Resampling.LANCZOS,
        (
            left,
            top,
            min(left + shown_width, photograph.shape[1]),
            min(top + shown_height, photograph.shape[0]),
        ),
    )
    return np.array(picture)


def taken(photographs: Sequence[Pixels], turn: int, count: int) -> list[Pixels]:
    """Return ``count`` photographs, different ones at each turn if there are enough."""
    first = turn * count
    return [photographs[(first + n) % len(photographs)] for n in range(count)]
