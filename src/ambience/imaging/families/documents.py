"""Draws pages and screens that share a layout, but not the text."""

from collections.abc import Sequence
from typing import Final

from ambience.imaging.edits.drawing import random_color
from ambience.imaging.edits.edited_image import Pixels
from ambience.imaging.families.family import EACH, FamilyImage, of_group, of_image
from ambience.imaging.families.lettering import (
    INK,
    WHITE,
    Color,
    Rng,
    Sheet,
    amount,
    taken,
    word,
    words,
)

_PAGE: Final = (1170, 827)  # A4 at 100 dots an inch
_SCREEN: Final = (800, 1280)  # the window of a browser on a laptop
_PHONE: Final = (1140, 640)
_GRAY: Final[Color] = (140, 140, 145)
_RULE: Final[Color] = (200, 200, 205)


def page(number: int, _photographs: Sequence[Pixels]) -> FamilyImage:
    """Return a printed page with a header, a title and columns.

    Their places and the weight of the font differ between groups.
    """
    shared, own = of_group("page", number), of_image("page", number)
    sheet = Sheet(_PAGE)
    margin, letters = shared.uniform(50, 110), shared.uniform(12, 18)
    columns, bold = int(shared.integers(1, 3)), shared.random() < 1 / 2
    header, footer = words(shared, 4), words(shared, 3)
    sheet.write((margin, 30), header, size=13, ink=_GRAY)
    sheet.pen.line((margin, 52, sheet.width - margin, 52), fill=_RULE, width=2)
    title = 70 + shared.uniform(0, 60)
    sheet.write((margin, title), words(own, 4), size=34, bold=True)
    gap = 30
    room = (sheet.width - 2 * margin - gap * (columns - 1)) / columns
    for column in range(columns):
        left = margin + column * (room + gap)
        box = (left, title + 60, left + room, sheet.height - 90)
        sheet.fill_with_text(box, own, size=letters, bold=bold)
    sheet.write((margin, sheet.height - 60), footer, size=13, ink=_GRAY)
    right = (sheet.width - margin, sheet.height - 60)
    sheet.write(right, f"{own.integers(1, 400)}", size=13, anchor="ra", ink=_GRAY)
    return FamilyImage(sheet.pixels, template=f"page {number // EACH}")


def invoice(number: int, _photographs: Sequence[Pixels]) -> FamilyImage:
    """Return an invoice: a group shares the logo and labels, not the names and sums."""
    shared, own = of_group("invoice", number), of_image("invoice", number)
    sheet = Sheet(_PAGE)
    brand = random_color(shared, 0, 160)
    left = shared.uniform(50, 110)
    right = sheet.width - left
    _letterhead(sheet, (left, right), shared, brand)
    top = shared.uniform(180, 250)
    sheet.write((left, top), "Invoice", size=30, bold=True)
    pitch, stop = shared.uniform(21, 30), left + shared.uniform(110, 180)
    for line, label in enumerate(("Number", "Date", "Customer", "Due"), 2):
        sheet.write((left, top + pitch * line), label, size=15, ink=_GRAY)
        said = f"{own.integers(10, 99)}-{own.integers(1000, 99999)}"
        if label == "Customer":
            said = words(own, 3)
        sheet.write((stop, top + pitch * line), said, size=15)
    table = top + 6 * pitch + shared.uniform(20, 70)
    stops = left + 10, right - 220, right - 130, right - 10
    sheet.pen.rectangle((left, table, right, table + 32), fill=brand)
    labels = "Description", "Count", "Price", "Sum"
    for stop, label in zip(stops, labels, strict=True):
        anchor = "la" if label == labels[0] else "ra"
        place = stop, table + 7
        sheet.write(place, label, size=15, ink=WHITE, anchor=anchor, bold=True)
    pitch = shared.uniform(28, 38)
    for row in range(1, int(own.integers(6, 14))):
        top = table + 10 + pitch * row
        sheet.write((stops[0], top), words(own, 4), size=14)
        said_of = f"{own.integers(1, 40)}", amount(own), amount(own)
        for stop, one in zip(stops[1:], said_of, strict=True):
            sheet.write((stop, top), one, size=14, anchor="ra")
        sheet.pen.line((left, top + 24, right, top + 24), fill=_RULE)
    top = table + 10 + pitch * 14
    sheet.write((stops[2], top), "Total", size=18, anchor="ra", bold=True)
    sheet.write((stops[3], top), amount(own), size=18, anchor="ra", bold=True)
    sheet.fill_with_text((left, top + 70, right, 1140), shared, size=12, ink=_GRAY)
    return FamilyImage(sheet.pixels, template=f"invoice {number // EACH}")


def _letterhead(
    sheet: Sheet, sides: tuple[float, float], shared: Rng, brand: Color
) -> None:
    """Draw a company's logo, name and address."""
    left, right = sides
    size = shared.uniform(60, 110)
    sheet.pen.ellipse((left, 50, left + size, 50 + size), fill=brand)
    inner, corners = size / 4, int(shared.integers(3, 7))
    middle = (left + size / 2, 50 + size / 2, inner)
    sheet.pen.regular_polygon(middle, corners, fill=WHITE)
    name = left + size + 20, 70
    sheet.write(name, words(shared, 2), size=34, ink=brand, bold=True)
    for line in range(3):
        sheet.write((right, 60 + 20 * line), words(shared, 3), size=13, anchor="ra")


def chat(number: int, _photographs: Sequence[Pixels]) -> FamilyImage:
    """Return a chat on a phone: a group shares the app and person, not the messages."""
    shared, own = of_group("chat", number), of_image("chat", number)
    brand, paper = random_color(shared, 20, 140), random_color(shared, 225, 250)
    sheet = Sheet(_PHONE, paper)
    bar, pitch = shared.uniform(74, 110), shared.uniform(25, 31)
    sheet.pen.rectangle((0, 0, sheet.width, bar), fill=brand)
    sheet.pen.ellipse((20, 12, bar - 4, bar - 12), fill=random_color(shared, 100, 256))
    sheet.write((bar + 12, 24), words(shared, 2), size=26, ink=WHITE, bold=True)
    top, end = bar + 20, sheet.height - 90.0
    while True:
        mine = own.random() < 1 / 2
        text = words(own, int(own.integers(2, 22)))
        lines = sheet.wrapped(text, size=20, width=380)
        height = pitch * len(lines) + 22
        if top + height > end:
            break
        left = sheet.width - 430 if mine else 20
        box = (left, top, left + 410, top + height)
        sheet.pen.rounded_rectangle(box, 14, fill=_lighter(brand) if mine else WHITE)
        for line, said in enumerate(lines):
            sheet.write((left + 14, top + 10 + pitch * line), said, size=20)
        top += height + 14
    sheet.pen.rectangle((0, end, sheet.width, sheet.height), fill=WHITE)
    field = (20, end + 16, sheet.width - 90, sheet.height - 18)
    sheet.pen.rounded_rectangle(field, 28, outline=_RULE, width=2)
    sheet.write((44, end + 32), "Message", size=20, ink=_GRAY)
    button = (sheet.width - 76, end + 16, sheet.width - 20, sheet.height - 18)
    sheet.pen.ellipse(button, fill=brand)
    return FamilyImage(sheet.pixels, template=f"chat {number // EACH}")


def code(number: int, _photographs: Sequence[Pixels]) -> FamilyImage:
    """Return a code editor: a group shares the theme and file list, not the code."""
    shared, own = of_group("code", number), of_image("code", number)
    dark = shared.random() < 1 / 2
    paper, ink = ((32, 34, 40), (215, 215, 210)) if dark else (WHITE, INK)
    bar = random_color(shared, 40, 70) if dark else random_color(shared, 215, 240)
    inks = [
        random_color(shared, 130, 256) if dark else random_color(shared, 0, 150)
        for _ in "1234"
    ]
    sheet = Sheet(_SCREEN, paper)
    side, pitch = shared.uniform(160, 300), shared.uniform(20, 25)
    sheet.pen.rectangle((0, 0, side, sheet.height), fill=bar)
    for row in range(18):
        indent = 16 + 18 * int(shared.integers(0, 3))
        name = f"{word(shared)}.py"
        sheet.write((indent, 20 + 1.2 * pitch * row), name, size=14, ink=ink)
    sheet.pen.rectangle((side, 0, sheet.width, 34), fill=bar)
    sheet.write((side + 20, 8), f"{word(own)}.py", size=15, ink=ink)
    indent = 0
    for row in range(int(720 / pitch)):
        top = 46 + pitch * row
        sheet.write((side + 42, top), f"{row + 1}", size=14, ink=_GRAY, anchor="ra")
        if own.random() < 1 / 8:  # one blank line per seven others
            indent = 0
            continue
        left = side + 60 + 28 * indent
        for _ in range(int(own.integers(1, 7))):
            said = word(own) + str(own.choice(["(", ")", " =", ":", ",", ".", ""]))
            sheet.write((left, top), said, size=15, ink=inks[own.integers(len(inks))])
            left += 12 + 8.2 * len(said)
        indent = max(0, min(4, indent + int(own.integers(-1, 2))))
    sheet.pen.rectangle(
        (0, sheet.height - 26, sheet.width, sheet.height),
        fill=random_color(shared, 30, 130),
    )
    return FamilyImage(sheet.pixels, template=f"code {number // EACH}")


def news(number: int, photographs: Sequence[Pixels]) -> FamilyImage:
    """Return a news page: a group shares the masthead, not the photograph and text."""
    shared, own = of_group("news", number), of_image("news", number)
    sheet = Sheet(_PAGE)
    middle = sheet.width / 2
    sheet.write((middle, 34), words(shared, 3), size=54, anchor="ma", bold=True)
    sheet.pen.line((40, 112, sheet.width - 40, 112), fill=INK, width=3)
    menu = "      ".join(word(shared) for _ in range(7))
    sheet.write((middle, 122), menu, size=14, anchor="ma")
    sheet.pen.line((40, 148, sheet.width - 40, 148), fill=INK)
    for line in range(2):
        sheet.write((40, 166 + 44 * line), words(own, 4), size=36, bold=True)
    bottom = 290 + shared.uniform(220, 330)
    split = sheet.width * shared.uniform(0.55, 0.68)
    (photograph,) = taken(photographs, number, 1)
    sheet.show(photograph, (40, 270, split, bottom))
    right = sheet.width - 40
    sheet.fill_with_text((split + 24, 270, right, bottom), own, size=13)
    room = (right - 40 - 2 * 24) / 3
    for column in range(3):
        left = 40 + column * (room + 24)
        box = (left, bottom + 24, left + room, sheet.height - 40)
        sheet.fill_with_text(box, own, size=13)
    return FamilyImage(sheet.pixels, template=f"news {number // EACH}")


def site(number: int, photographs: Sequence[Pixels]) -> FamilyImage:
    """Return a screenshot of a web site: a group shares the bars, not the posts."""
    shared, own = of_group("site", number), of_image("site", number)
    brand = random_color(shared, 20, 150)
    sheet = Sheet(_SCREEN)
    bar, side = shared.uniform(50, 90), shared.uniform(200, 320)
    sheet.pen.rectangle((0, 0, sheet.width, bar), fill=brand)
    sheet.write((24, 12), words(shared, 1), size=28, ink=WHITE, bold=True)
    field = shared.uniform(380, 560)
    sheet.pen.rounded_rectangle((field, 12, field + 420, bar - 12), 16, fill=WHITE)
    sheet.write((field + 20, 18), "Search", size=16, ink=_GRAY)
    sheet.pen.rectangle(
        (0, bar, side, sheet.height), fill=random_color(shared, 238, 250)
    )
    pitch = shared.uniform(44, 64)
    for row in range(12):
        top = bar + 24 + pitch * row
        sheet.pen.ellipse((20, top, 52, top + 32), fill=random_color(shared, 40, 230))
        sheet.write((66, top + 6), words(shared, 2), size=17)
    room = (sheet.width - side - 90) / 2
    for column, photograph in enumerate(taken(photographs, number, 2)):
        left = side + 30 + column * (room + 30)
        _post(sheet, (left, bar + 24, left + room), own, photograph)
    return FamilyImage(sheet.pixels, template=f"site {number // EACH}")


def _post(
    sheet: Sheet, place: tuple[float, float, float], own: Rng, photograph: Pixels
) -> None:
    """Draw a photograph, with text above and below, into a column.

    Args:
        sheet: The sheet to draw on.
        place: Left, top and right of the post.
        own: The random generator.
        photograph: The photograph.
    """
    left, top, right = place
    sheet.pen.ellipse((left, top, left + 36, top + 36), fill=random_color(own, 40, 230))
    sheet.write((left + 48, top + 8), words(own, 2), size=17, bold=True)
    shown = top + 50 + own.uniform(180, 380)
    sheet.show(photograph, (left, top + 50, right, shown))
    sheet.fill_with_text((left, shown + 14, right, sheet.height), own, size=16)


def _lighter(shade: Color) -> Color:
    red, green, blue = (channel + 2 * (255 - channel) // 3 for channel in shade)
    return red, green, blue
