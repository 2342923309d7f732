"""Laying one image over another: copies agree wherever nothing was put over them."""

from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw

from ambience.core.features import Image
from ambience.core.geometry import Matrix, oriented
from ambience.core.matches import Relation
from ambience.core.orientation import Orientation
from ambience.imaging import ImageFile, png
from ambience.imaging.edits import EDITS, Edited
from ambience.imaging.families import FAMILIES
from ambience.overlay import Overlay, likeness, overlay, same_picture
from tests.drawing import drawn_image

EDIT = {edit.name: edit for edit in EDITS}
HERE: Matrix = np.eye(3)

# Nothing is put over the image by these, and most of it can be seen.
UNTOUCHED = [
    edit.name
    for edit in EDITS
    if edit.originals == 1
    and not {"text", "screenshot"} & {*edit.name.replace(",", "").split()}
]


@pytest.fixture(scope="module")
def photograph(photos: dict[str, Path]) -> NDArray[np.uint8]:
    pixels = ImageFile(photos["chelsea.png"].read_bytes()).image.pixels
    return np.ascontiguousarray(pixels)


def image_of(pixels: NDArray[np.uint8]) -> Image:
    return ImageFile(png(pixels)).image


def edited(photograph: NDArray[np.uint8], name: str) -> tuple[Edited, Overlay]:
    made = EDIT[name].make([photograph], np.random.default_rng(0))
    laid = overlay(
        image_of(made.pixels), image_of(photograph), made.placed[0].transform
    )
    assert laid is not None
    return made, laid


@pytest.mark.parametrize("name", UNTOUCHED)
def test_a_copy_agrees_everywhere(photograph: NDArray[np.uint8], name: str) -> None:
    _, laid = edited(photograph, name)
    assert laid.agrees > 0.9
    assert laid.regions == ()
    assert same_picture(laid.measure) > 0.99


def test_what_was_put_over_a_copy_is_a_region_and_all_else_agrees(
    photograph: NDArray[np.uint8],
) -> None:
    made, laid = edited(photograph, "text bar")
    assert same_picture(laid.measure) > 0.9
    height = made.size[0]
    # The bar covers the lowest fifth; a cell may hold the edge of it.
    assert laid.regions
    for x, y, width, high in laid.regions:
        assert y >= 0.8 * height - 16
        assert y + high <= height
        assert 0 <= x <= x + width <= made.size[1]
    rows = laid.cells[: int(0.8 * len(laid.cells)) - 1]
    assert "x" not in "".join(rows)


def test_the_map_covers_what_both_show(photograph: NDArray[np.uint8]) -> None:
    made, laid = edited(photograph, "white border")
    x, y, width, height = laid.box
    border = (made.size[0] - photograph.shape[0]) / 2
    assert (x, y) == pytest.approx((border, border), abs=2)
    rows, (columns,) = len(laid.cells), {len(row) for row in laid.cells}
    cell = width / columns
    assert cell == pytest.approx(height / rows, rel=0.01)
    for covered, shown in zip((width, height), photograph.shape[1::-1], strict=True):
        assert shown - 3 < covered < shown + cell + 3
    assert set("".join(laid.cells)) <= set("=x?. ")


@pytest.mark.parametrize("orientation", Orientation)
def test_turned_and_mirrored_copies_agree(
    photograph: NDArray[np.uint8], orientation: Orientation
) -> None:
    """What is done to the query by name lays it on the image."""
    turned: dict[Orientation, NDArray[np.uint8]] = {
        Orientation.UPRIGHT: photograph,
        Orientation.MIRRORED: photograph[:, ::-1],
        Orientation.FLIPPED: photograph[::-1],
        Orientation.ROTATED_90: np.rot90(photograph, 1),
        Orientation.ROTATED_180: np.rot90(photograph, 2),
        Orientation.ROTATED_270: np.rot90(photograph, -1),
        Orientation.TRANSPOSED: photograph.transpose(1, 0, 2),
        Orientation.TRANSVERSED: np.rot90(photograph, 2).transpose(1, 0, 2),
    }
    query = image_of(np.ascontiguousarray(turned[orientation]))
    image = image_of(photograph)
    laid = overlay(query, image, oriented(orientation, query.size, image.size))
    assert laid is not None
    assert laid.measure.agrees > 0.99


def test_a_blank_page_tells_nothing(photograph: NDArray[np.uint8]) -> None:
    blank = image_of(np.full((300, 400, 3), 255, np.uint8))
    assert overlay(blank, blank, HERE) is None
    far = np.array([(1, 0, 5000), (0, 1, 0), (0, 0, 1)], np.float64)
    image = image_of(photograph)
    assert overlay(image, image, far) is None


def test_unlike_images_are_nothing_to_each_other() -> None:
    one, other = (image_of(drawn_image(seed, (240, 320))) for seed in (1, 2))
    laid = overlay(one, other, HERE)
    assert laid is not None
    assert same_picture(laid.measure) < 0.01
    assert likeness(laid.measure) is None


def test_unlike_photographs_are_nothing_to_each_other(photos: dict[str, Path]) -> None:
    images = []
    for name in ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg"):
        with Pillow.open(photos[name]) as whole:
            small = whole.convert("RGB").resize((320, 240))
        images.append(image_of(np.asarray(small)))
    for one, other in permutations(images, 2):
        laid = overlay(one, other, HERE)
        assert laid is not None
        assert same_picture(laid.measure) < 0.05
        assert likeness(laid.measure) is None


@pytest.mark.parametrize(
    ("name", "relation"),
    [
        ("page", None),  # of the layout, nothing is left but a line and two words
        ("invoice", Relation.SAME_TEMPLATE),
        ("code", Relation.SAME_TEMPLATE),
        ("news", Relation.SAME_TEMPLATE),
        ("site", Relation.SAME_TEMPLATE),
        ("stereo", Relation.SAME_SCENE),
        ("video", Relation.SAME_SCENE),
    ],
)
def test_families_are_told_from_copies(
    photos: dict[str, Path], name: str, relation: Relation | None
) -> None:
    shown = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg")
    photographs = [
        ImageFile(photos[photo].read_bytes()).image.pixels for photo in shown
    ]
    (family,) = (own for own in FAMILIES if own.name == name)
    one, other = (image_of(family.draw(n, photographs).pixels) for n in (0, 1))
    laid = overlay(one, other, HERE)
    assert laid is not None
    assert same_picture(laid.measure) < 0.5
    assert likeness(laid.measure) is relation


def with_thing(
    photograph: NDArray[np.uint8], thing: NDArray[np.uint8], place: tuple[int, int]
) -> Image:
    pixels = photograph.copy()
    (row, column), (height, width, _) = place, thing.shape
    pixels[row : row + height, column : column + width] = thing
    return image_of(pixels)


def test_a_thing_that_moved_is_seen_to_move(
    photograph: NDArray[np.uint8], photos: dict[str, Path]
) -> None:
    coffee = ImageFile(photos["coffee.png"].read_bytes()).image.pixels
    thing = coffee[100:190, 200:300]
    here, there = (with_thing(photograph, thing, at) for at in ((40, 60), (70, 100)))
    for query, image in ((here, there), (there, here)):
        laid = overlay(query, image, HERE)
        assert laid is not None
        assert laid.measure.moved == 1
        assert same_picture(laid.measure) < 0.01
        assert likeness(laid.measure) is Relation.SAME_SCENE


def test_a_thing_that_was_put_over_a_picture_did_not_move(
    photograph: NDArray[np.uint8], photos: dict[str, Path]
) -> None:
    coffee = ImageFile(photos["coffee.png"].read_bytes()).image.pixels
    pasted = with_thing(photograph, coffee[100:190, 200:300], (40, 60))
    cloned = with_thing(photograph, photograph[150:240, 200:300], (40, 60))
    for query, least in ((pasted, 0.95), (cloned, 0.5)):
        laid = overlay(query, image_of(photograph), HERE)
        assert laid is not None
        assert laid.measure.moved == 0
        assert same_picture(laid.measure) > least


def scrolled(photograph: NDArray[np.uint8], by: int) -> Image:
    """A page whose lines move up below a picture that changes."""
    page = Pillow.new("RGB", (480, 480), "white")
    pen = ImageDraw.Draw(page)
    for line in range(14):
        words = f"{line} " + " ".join(f"w{line * 7 % 5}rd{word}" for word in range(9))
        pen.text((20, 200 - by + 20 * line), words, "black", font_size=16)
    page.paste(Pillow.fromarray(photograph[by : by + 60, 50:200]), (20, 0))
    return image_of(np.asarray(page))


def test_what_moves_out_of_the_image_is_not_looked_for(
    photograph: NDArray[np.uint8],
) -> None:
    laid = overlay(scrolled(photograph, 0), scrolled(photograph, 100), HERE)
    assert laid is not None
    assert laid.measure.moved == 0
    assert likeness(laid.measure) is not Relation.SAME_SCENE


def test_details_are_json_values(photograph: NDArray[np.uint8]) -> None:
    _, laid = edited(photograph, "text bar")
    told = laid.details()
    assert set(told) == {
        *("same_picture", "otherwise", "compared", "agrees", "differs", "blank"),
        *("moved", "inset", "regions", "map"),
    }
    assert told["same_picture"] == same_picture(laid.measure)
    assert told["map"]["cells"] == list(laid.cells)
