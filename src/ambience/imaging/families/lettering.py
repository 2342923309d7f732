"""Draws words and lines of text as pages, screens and captions have them."""

from collections.abc import Sequence
from typing import Final, TypeAlias

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from ambience.imaging.edits.placing import Pixels

Rng: TypeAlias = np.random.Generator
Color: TypeAlias = tuple[int, int, int]
Box: TypeAlias = tuple[float, float, float, float]
"""``(left, top, right, bottom)`` in pixels."""

_SYLLABLES: Final = """\
a al an ar ba be ber bra ca cal car ce co con da de der di do e el en er es fa fer fi fo
ga ge gra ha hel hi in ing ka ker la le ler li lo lu ma me men mi mo na ne ni no o on or
pa per pi po ra re ri ro sa se sen si so sta ta te ter ti to tra u un ur va ve vi vo wa
we wi"""
_LENGTHS: Final = (1, 2, 2, 2, 3, 3, 4)  # syllables of a word: as often as listed
_LEADING: Final = 1.45  # from line to line, in sizes of the letters
INK: Final[Color] = (30, 30, 35)
WHITE: Final[Color] = (255, 255, 255)


def word(rng: Rng) -> str:
    """Return a word of no language."""
    count = int(rng.choice(_LENGTHS))
    return "".join(rng.choice(_SYLLABLES.split(), count).tolist())


def words(rng: Rng, count: int) -> str:
    """Return so many words, the first with a capital."""
    return " ".join(word(rng) for _ in range(count)).capitalize()


def amount(rng: Rng) -> str:
    """Return a sum of money."""
    return f"{rng.integers(3, 9999)}.{rng.integers(0, 100):02d}"


def any_color(rng: Rng, low: int = 0, high: int = 256) -> Color:
    """Return a random color, its channels from ``low`` to below ``high``."""
    red, green, blue = rng.integers(low, high, 3).tolist()
    return red, green, blue


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
        """What is on it, shape ``(height, width, 3)``."""
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
        """Write one line; `anchor` is Pillow's."""
        self.pen.text(
            place,
            text,
            fill=ink,
            font=_font(size),
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
            box: Where.
            rng: Of the words.
            size: Of the letters, in pixels.
            ink: Their color.
            bold: Whether they are thick.
            paragraph: Lines of each; the last is left half empty.
        """
        left, top, right, bottom = box
        font = _font(size)
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
        """Return a text in lines that fit into a width."""
        font, lines = _font(size), [""]
        for one in text.split():
            longer = f"{lines[-1]} {one}".lstrip()
            if lines[-1] and font.getlength(longer) > width:
                lines.append(one)
            else:
                lines[-1] = longer
        return lines

    def show(self, photograph: Pixels, box: Box) -> None:
        """Put the middle of a photograph into a box that it fills."""
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
    """Return so many photographs, others at each turn while there are any left."""
    first = turn * count
    return [photographs[(first + n) % len(photographs)] for n in range(count)]


def _font(size: float) -> ImageFont.FreeTypeFont:
    """Return Pillow's own font, its letters so many pixels high."""
    font = ImageFont.load_default(size=size)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise TypeError("this Pillow was built without FreeType: install its wheel")
    return font
