"""Puts copies into pages and collages, and draws text on them."""

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from ambience.core.geometry import Size, shift
from ambience.imaging.edits.drawing import pillow_font, random_color
from ambience.imaging.edits.edited_image import (
    Edited,
    Pixels,
    Placed,
    moved,
    recolored,
    whole,
)
from ambience.imaging.edits.steps import Step, fitted, resized_to

_TEXT: Final = """\
a letter from the harbor on a bright winter morning with two small stone houses under
northern light and the old road in and out of the market garden of 1974"""
_WORDS: Final = _TEXT.split()
_BAR: Final = 1 / 5  # of the height
_CAPTION: Final = 1 / 10  # of the height: the size of its letters

_PAGE: Final = (800, 1280)  # the window of a browser on a laptop
_HEADER: Final = 72  # pixels, like all that follow
_MARGIN: Final = 24
_COLUMNS: Final = 3
_LINE: Final = 22  # from line to line
_LETTERS: Final = 15
_MAT: Final = 10  # white around an image on a page
_BOX: Final = (60, 180)  # the lowest and the highest colored box
_SLENDER: Final = 2  # an image on a page is at most this many times as high as wide

_ROW: Final = 720  # pixels: the largest height of a collage of two
_STRIP: Final = 600  # pixels: the width of a strip
_GAP: Final = 8  # pixels between cells


Make: TypeAlias = Callable[[Sequence[Pixels], np.random.Generator], Edited]
"""Makes a copy of originals."""


# Text


def text_bar(edited: Edited, rng: np.random.Generator) -> Edited:
    """Cover the lowest fifth with a black or white bar with a line of text."""
    height, width = edited.size
    top = round(height * (1 - _BAR))
    paper, ink = ("black", "white") if rng.random() < 1 / 2 else ("white", "black")
    picture = Pillow.fromarray(edited.pixels)
    picture.paste(paper, (0, top, width, height))
    font = pillow_font((height - top) / 2)
    place = (width / 2, (top + height) / 2)
    text = _line(rng, font, width * 0.9)
    ImageDraw.Draw(picture).text(place, text, fill=ink, font=font, anchor="mm")
    return recolored(edited, np.array(picture))


def captioned(edited: Edited, rng: np.random.Generator) -> Edited:
    """Write a line across, in white with a black outline, at a random height."""
    height, width = edited.size
    picture = Pillow.fromarray(edited.pixels)
    font = pillow_font(height * _CAPTION)
    place = (width / 2, height * rng.uniform(0.1, 0.9))
    ImageDraw.Draw(picture).text(
        place,
        _line(rng, font, width * 0.9),
        fill="white",
        font=font,
        anchor="mm",
        stroke_width=height * _CAPTION / 15,
        stroke_fill="black",
    )
    return recolored(edited, np.array(picture))


def _line(rng: np.random.Generator, font: ImageFont.FreeTypeFont, width: float) -> str:
    """Return random words that fill a width in pixels; empty if none fits."""
    line = ""
    while True:
        longer = f"{line} {_WORDS[rng.integers(len(_WORDS))]}".lstrip()
        if font.getlength(longer) > width:
            return line
        line = longer


# Pages


def on_page(width: int, *, window: Size = _PAGE) -> Step:
    """Return a step that makes a screenshot of a page with the image.

    Args:
        width: The width of the image on the page, in pixels.
        window: The size of the page; it is higher if the image needs it.
    """

    def step(edited: Edited, rng: np.random.Generator) -> Edited:
        size = fitted(edited.size, (width * _SLENDER, width))
        least = _HEADER + size[0] + 2 * _MARGIN
        page = _page((max(window[0], least), window[1]), rng)
        y = int(rng.integers(_HEADER + _MARGIN, page.height - _MARGIN - size[0] + 1))
        x = int(rng.integers(_MARGIN, page.width - _MARGIN - size[1] + 1))
        shown = resized_to(edited, size)
        mat = (x - _MAT, y - _MAT, x + size[1] + _MAT, y + size[0] + _MAT)
        page.paste("white", mat)
        page.paste(Pillow.fromarray(shown.pixels), (x, y))
        return moved(shown, np.array(page), shift(-x, -y))

    return step


def _page(size: Size, rng: np.random.Generator) -> Pillow.Image:
    """Return a page with a header, and columns of text and boxes below."""
    height, width = size
    page = Pillow.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(page)
    pen.rectangle((0, 0, width, _HEADER), fill=random_color(rng, 0, 128))
    title, menu = pillow_font(_HEADER / 3), pillow_font(_LETTERS)
    middle = _HEADER / 2
    line = _line(rng, title, width / 3)
    pen.text((_MARGIN, middle), line, fill="white", font=title, anchor="lm")
    line = _line(rng, menu, width / 3)
    pen.text((width - _MARGIN, middle), line, fill="white", font=menu, anchor="rm")
    room = (width - _MARGIN) // _COLUMNS
    for column in range(_COLUMNS):
        _fill_column(pen, (_MARGIN + column * room, room - _MARGIN), height, rng)
    return page


def _fill_column(
    pen: ImageDraw.ImageDraw,
    span: tuple[int, int],
    bottom: int,
    rng: np.random.Generator,
) -> None:
    """Draw paragraphs and boxes; ``span`` is the left side and the width."""
    left, width = span
    font = pillow_font(_LETTERS)
    top = _HEADER + _MARGIN
    while top < bottom:
        if rng.random() < 1 / 4:  # one box per three paragraphs
            lower = top + int(rng.integers(*_BOX))
            pen.rectangle(
                (left, top, left + width, lower), fill=random_color(rng, 128, 256)
            )
            label = _line(rng, font, width / 2)
            pen.text((left + _GAP, top + _GAP), label, fill="black", font=font)
            top = lower + _LINE
        else:
            for _ in range(rng.integers(2, 8)):
                line = _line(rng, font, width)
                pen.text((left, top), line, fill=(60, 60, 60), font=font)
                top += _LINE
            top += _LINE


# Collages


def side_by_side(originals: Sequence[Pixels], _rng: np.random.Generator) -> Edited:
    """Return two images side by side, as high as the lower one."""
    left, right = (whole(pixels, index) for index, pixels in enumerate(originals))
    height = min(_ROW, left.size[0], right.size[0])
    cells = []
    for cell in (left, right):
        width = max(1, round(cell.size[1] * height / cell.size[0]))
        cells.append(resized_to(cell, (height, width)))
    second = cells[0].size[1] + _GAP
    size = (height, second + cells[1].size[1])
    return _collage(size, cells, [(0, 0), (second, 0)])


def strip(count: int) -> Make:
    """Return what puts so many images below each other, all equally wide."""

    def make(originals: Sequence[Pixels], _rng: np.random.Generator) -> Edited:
        corners, cells, bottom = [], [], 0
        for index, pixels in zip(range(count), originals, strict=True):
            cell = whole(pixels, index)
            height = max(1, round(cell.size[0] * _STRIP / cell.size[1]))
            cells.append(resized_to(cell, (height, _STRIP)))
            corners.append((0, bottom))
            bottom += height + _GAP
        return _collage((bottom - _GAP, _STRIP), cells, corners)

    return make


def grid(side: int, *, cell: int) -> Make:
    """Return what makes a square of images, each in the middle of a white cell.

    Args:
        side: The number of images in a row and in a column.
        cell: The side of a cell in pixels.
    """

    def make(originals: Sequence[Pixels], _rng: np.random.Generator) -> Edited:
        corners, cells = [], []
        for index, (pixels, place) in enumerate(
            zip(originals, np.ndindex(side, side), strict=True)
        ):
            shown = whole(pixels, index)
            shown = resized_to(shown, fitted(shown.size, (cell, cell)))
            y, x = (
                _GAP + (cell + _GAP) * at + (cell - length) // 2
                for at, length in zip(place, shown.size, strict=True)
            )
            corners.append((x, y))
            cells.append(shown)
        all_of_it = side * cell + (side + 1) * _GAP
        return _collage((all_of_it, all_of_it), cells, corners)

    return make


def _collage(
    size: Size, cells: Sequence[Edited], corners: Sequence[tuple[int, int]]
) -> Edited:
    """Return cells on white, each at its top left corner ``(x, y)``."""
    pixels = np.full((*size, 3), 255, dtype=np.uint8)
    placed: list[Placed] = []
    for cell, (x, y) in zip(cells, corners, strict=True):
        height, width = cell.size
        pixels[y : y + height, x : x + width] = cell.pixels
        placed.extend(moved(cell, pixels, shift(-x, -y)).placed)
    return Edited(pixels, tuple(placed))
