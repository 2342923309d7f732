"""Floors: what shares a layout, a caption or a scene is told from copies."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ambience.core.features import ImageId
from ambience.core.matches import FusedMatch, Relation
from ambience.imaging import ImageFile, png
from ambience.imaging.edits import EDITS
from ambience.imaging.families import FAMILIES, Family, FamilyImage, relation
from ambience.library.library import Library
from ambience.search.questions import ByImage
from tests.library import opened_library

SHOWN = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg")
EDIT = {edit.name: edit for edit in EDITS}
SURE = 0.5

# Of what two images of these show, too little is the same to be named.
UNNAMED = {"page", "chat", "meme", "logo"}


@pytest.fixture(scope="module")
def photographs(photos: dict[str, Path]) -> list[NDArray[np.uint8]]:
    files = (ImageFile(photos[name].read_bytes()) for name in SHOWN)
    return [file.image.pixels for file in files]


@pytest.fixture(scope="module")
def drawn(photographs: list[NDArray[np.uint8]]) -> dict[str, list[FamilyImage]]:
    """Three images of each family; the first is in the library."""
    return {
        family.name: [family.draw(number, photographs) for number in range(3)]
        for family in FAMILIES
    }


@pytest.fixture(scope="module")
def library(
    tmp_path_factory: pytest.TempPathFactory, drawn: dict[str, list[FamilyImage]]
) -> Iterator[Library]:
    folder = tmp_path_factory.mktemp("families")
    for number, (stored, *_) in enumerate(drawn.values()):
        (folder / f"{number:02}.png").write_bytes(png(stored.pixels))
    with opened_library(tmp_path_factory.mktemp("library")) as library:
        assert library.add_folder(folder).added == len(drawn)
        yield library


@pytest.fixture(scope="module")
def ids(library: Library) -> dict[str, ImageId]:
    """Which image is of which family."""
    catalog = library.components.catalog
    files = {
        str(record.path): record.image_id for record in catalog.find(catalog.ids())
    }
    names = (family.name for family in FAMILIES)
    return dict(zip(names, (files[path] for path in sorted(files)), strict=True))


def found(library: Library, pixels: NDArray[np.uint8]) -> list[FusedMatch]:
    """Return what is more likely so than not."""
    answer = library.components.searcher.search(ByImage(png(pixels)), k=20)
    return [match for match in answer.matches if match.score >= SURE]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_the_same_item_is_found_first(
    library: Library,
    ids: dict[str, ImageId],
    drawn: dict[str, list[FamilyImage]],
    family: Family,
) -> None:
    for name in family.again[:2]:
        rng = np.random.default_rng(1)
        edited = EDIT[name].make([drawn[family.name][0].pixels], rng)
        copies = [m for m in found(library, edited.pixels) if m.relation.is_copy]
        assert copies[0].image_id == ids[family.name], name


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_others_of_a_family_are_no_copies(
    library: Library,
    ids: dict[str, ImageId],
    drawn: dict[str, list[FamilyImage]],
    family: Family,
) -> None:
    stored, *others = drawn[family.name]
    told = 0
    for other in others:
        said = {m.image_id: m.relation for m in found(library, other.pixels)}
        true = relation(other, stored)
        if true is Relation.EDITED:  # another caption on the same picture
            assert said.get(ids[family.name]) is Relation.EDITED
            told += 1
            continue
        # Others may show one photograph, which is then found in them.
        named = said.get(ids[family.name])
        assert named is None or not named.is_copy
        told += named is true
    assert told or family.name in UNNAMED
