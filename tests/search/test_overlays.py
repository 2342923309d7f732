"""Searches look at pixels: layouts and scenes are told from copies."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ambience.core.matches import FusedMatch, Relation
from ambience.core.region import Region
from ambience.imaging import ImageFile
from ambience.imaging.edits import EDITS
from ambience.imaging.families import FAMILIES
from ambience.library.library import Library
from ambience.search.questions import ById, ByImage, Question
from tests.drawing import drawn_image, encode
from tests.library import opened_library

EDIT = {edit.name: edit for edit in EDITS}
PHOTOGRAPHS = [drawn_image(seed) for seed in range(8)]
INVOICE, NEXT_INVOICE, PICTURE = "invoice.png", "next_invoice.png", "picture.png"
CORNER = (40, 30)  # of a picture on a white page


def invoice(number: int) -> bytes:
    (family,) = (own for own in FAMILIES if own.name == "invoice")
    return encode(family.draw(number, PHOTOGRAPHS).pixels)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    (folder / INVOICE).write_bytes(invoice(0))
    (folder / NEXT_INVOICE).write_bytes(invoice(1))
    (folder / PICTURE).write_bytes(encode(drawn_image(1)))
    return folder


@pytest.fixture(scope="module")
def library(
    tmp_path_factory: pytest.TempPathFactory, folder: Path
) -> Iterator[Library]:
    with opened_library(tmp_path_factory.mktemp("data")) as library:
        assert library.add_folder(*sorted(folder.iterdir())).added == 3
        yield library


def found(library: Library, query: Question) -> dict[str, FusedMatch]:
    answer = library.components.searcher.search(query, k=20)
    names = {
        record.image_id: record.path.name
        for record in library.components.catalog.find(library.components.catalog.ids())
        if record.path is not None
    }
    return {names[match.image_id]: match for match in answer.matches}


def test_another_page_of_a_layout_is_no_copy(library: Library) -> None:
    matches = found(library, ByImage(invoice(2)))
    for name in (INVOICE, NEXT_INVOICE):
        assert matches[name].relation is Relation.SAME_TEMPLATE
        assert matches[name].by == "overlay"


def test_the_same_page_again_is(library: Library) -> None:
    page = np.array(ImageFile(invoice(0)).image.pixels)
    edited = EDIT["JPEG 30"].make([page], np.random.default_rng(0))
    matches = found(library, ByImage(encode(edited.pixels)))
    assert matches[INVOICE].relation is Relation.RE_ENCODED
    assert not matches[NEXT_INVOICE].relation.is_copy
    seen = matches[INVOICE].evidence["overlay"]
    assert seen["agrees"] > 0.95
    assert seen["regions"] == []


def test_known_images_are_looked_at_too(library: Library) -> None:
    ids = {
        record.path.name: record.image_id
        for record in library.components.catalog.find(library.components.catalog.ids())
        if record.path is not None
    }
    matches = found(library, ById(ids[INVOICE]))
    assert matches[NEXT_INVOICE].relation is Relation.SAME_TEMPLATE


def test_what_differs_is_said_in_pixels_of_the_whole_query(library: Library) -> None:
    """Also where only a part of it was searched with."""
    x, y = CORNER
    page = np.full((320, 420, 3), 255, np.uint8)
    picture = drawn_image(1)
    picture[120:200, 160:260] = (20, 200, 90)  # painted over
    page[y : y + 240, x : x + 320] = picture
    region = Region(x, y, 320, 240)
    matches = found(library, ByImage(encode(page), region))
    match = matches[PICTURE]
    assert match.relation is Relation.EDITED
    seen = match.evidence["overlay"]
    corner = np.array(seen["transform"]) @ (x, y, 1)
    assert corner[:2] / corner[2] == pytest.approx((0, 0), abs=1)
    (box, *_) = seen["regions"]
    left, top, width, height = box
    # To a cell, on each side.
    assert left == pytest.approx(x + 160, abs=16)
    assert top == pytest.approx(y + 120, abs=16)
    assert left + width == pytest.approx(x + 260, abs=16)
    assert top + height == pytest.approx(y + 200, abs=16)


def test_what_is_shown_among_other_things_is_placed_in_the_whole_query(
    library: Library,
) -> None:
    x, y = CORNER
    page = np.full((320, 420, 3), 255, np.uint8)
    around = drawn_image(4)
    around[32:224, 32:256] = drawn_image(1)[32:224, 32:256]
    page[y : y + 240, x : x + 320] = around
    match = found(library, ByImage(encode(page), Region(x, y, 320, 240)))[PICTURE]
    assert match.relation.is_copy
    left, top, width, height = match.evidence["overlay"]["inset"]["box"]
    assert left == pytest.approx(x + 32, abs=16)
    assert top == pytest.approx(y + 32, abs=16)
    assert left + width == pytest.approx(x + 256, abs=16)
    assert top + height == pytest.approx(y + 224, abs=16)


def test_an_image_without_a_file_is_claimed_as_before_and_it_is_said(
    tmp_path: Path,
) -> None:
    path = tmp_path / PICTURE
    path.write_bytes(encode(drawn_image(1)))
    with opened_library(tmp_path / "data") as library:
        assert library.add_folder(path).added == 1
        path.unlink()
        copy = encode(drawn_image(1), "JPEG", quality=40)
        (match, *_) = found(library, ByImage(copy)).values()
    assert match.relation is Relation.RE_ENCODED
    assert match.evidence["overlay"] == {
        "unchecked": "the file of the image can't be read"
    }
