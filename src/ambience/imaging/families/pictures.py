"""Draws captioned photographs, and logos of the same shapes."""

import math
from collections.abc import Sequence
from typing import Final

from ambience.imaging.edits.drawing import random_color
from ambience.imaging.edits.edited_image import Pixels
from ambience.imaging.families.family import EACH, FamilyImage, of_group, of_image
from ambience.imaging.families.lettering import WHITE, Sheet, taken, words

_MEME: Final = (600, 720)
_BAND: Final = 92  # pixels of white above the text next to a panel
_LETTERS: Final = 44
_LOGO: Final = (480, 480)
_BLACK: Final = (0, 0, 0)


def meme(number: int, photographs: Sequence[Pixels]) -> FamilyImage:
    """Return a photograph with a caption at the top and the bottom.

    In a group, the first two images share a photograph, and so do the last two. The
    first and third share the captions, and so do the second and fourth.
    """
    shared = of_group("meme", number)
    group, member = divmod(number, EACH)
    shown, said = divmod(member, 2)
    photograph = taken(photographs, group, 2)[shown]
    captions = [(words(shared, 3), words(shared, 4)) for _ in "12"]
    sheet = Sheet(_MEME)
    sheet.show(photograph, (0, 0, sheet.width, sheet.height))
    places = ((16, "ma"), (sheet.height - 16, "md"))
    for text, (at, anchor) in zip(captions[said], places, strict=True):
        place = sheet.width / 2, at
        # Shifted black letters underneath outline the white ones.
        for dx, dy in ((-3, 0), (3, 0), (0, -3), (0, 3)):
            around = place[0] + dx, place[1] + dy
            sheet.write(around, text, size=_LETTERS, ink=_BLACK, anchor=anchor)
        sheet.write(place, text, size=_LETTERS, ink=WHITE, anchor=anchor)
    return FamilyImage(
        sheet.pixels,
        picture=f"meme {group} {shown}",
        template=f"meme {group} {said}",
    )


def panels(number: int, photographs: Sequence[Pixels]) -> FamilyImage:
    """Return two photographs, each with text next to it; shared as in `meme`."""
    shared = of_group("panels", number)
    group, member = divmod(number, EACH)
    shown, said = divmod(member, 2)
    drawn = taken(photographs, group, 4)[2 * shown : 2 * shown + 2]
    captions = [[words(shared, 6) for _ in "12"] for _ in "12"]
    sheet = Sheet(_MEME)
    half, middle = sheet.height / 2, sheet.width / 2
    for row, (photograph, text) in enumerate(zip(drawn, captions[said], strict=True)):
        top = row * half
        sheet.show(photograph, (0, top, middle, top + half - 4))
        lines = sheet.wrapped(text, size=36, width=middle - 40)
        for line, part in enumerate(lines):
            place = middle + 20, top + _BAND + 44 * line
            sheet.write(place, part, size=36, bold=True)
    return FamilyImage(
        sheet.pixels,
        picture=f"panels {group} {shown}",
        template=f"panels {group} {said}",
    )


def logo(number: int, _photographs: Sequence[Pixels]) -> FamilyImage:
    """Return a logo of a few shapes and a name; a group shares the kinds of shapes."""
    shared, own = of_group("logo", number), of_image("logo", number)
    sheet = Sheet(_LOGO, random_color(own, 200, 256) if own.random() < 1 / 2 else WHITE)
    corners, rings = int(shared.integers(3, 7)), int(shared.integers(1, 3))
    brand, x, y = random_color(own, 0, 170), 240.0, 200.0
    radius = own.uniform(110, 170)
    for ring in range(rings):
        around = radius - 34 * ring
        box = (x - around, y - around, x + around, y + around)
        sheet.pen.ellipse(box, outline=brand, width=int(own.integers(8, 18)))
    sheet.pen.regular_polygon(
        (x, y, radius * own.uniform(0.35, 0.6)),
        corners,
        rotation=float(own.uniform(0, 360)),
        fill=random_color(own, 0, 200),
    )
    turn = own.uniform(0, 2 * math.pi)
    for _ in range(int(own.integers(1, 4))):
        turn += own.uniform(0.6, 2)
        dot_x, dot_y = x + radius * math.cos(turn), y + radius * math.sin(turn)
        size = own.uniform(14, 32)
        box = (dot_x - size, dot_y - size, dot_x + size, dot_y + size)
        sheet.pen.ellipse(box, fill=random_color(own, 0, 200))
    sheet.write((x, 420), words(own, 1), size=52, anchor="mm", ink=brand, bold=True)
    return FamilyImage(sheet.pixels)
