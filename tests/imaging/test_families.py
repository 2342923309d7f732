"""Families: what is drawn is what it is said to be, and the same each time."""

import numpy as np
import pytest

from ambience.core.matches import Relation
from ambience.imaging.edits import EDITS
from ambience.imaging.families import EACH, FAMILIES, PHOTOGRAPHS, Family, relation
from tests.drawing import drawn_image

PHOTOS = [drawn_image(seed, (240, 320)) for seed in range(2 * PHOTOGRAPHS)]

every_family = pytest.mark.parametrize("family", FAMILIES, ids=lambda own: own.name)

# What the second, third and fourth image of a group are to its first.
TEMPLATE = [Relation.SAME_TEMPLATE] * 3
CAPTIONED = [Relation.EDITED, Relation.SAME_TEMPLATE, None]
TAKEN = [Relation.SAME_SCENE] * 3
RELATIONS = {
    "page": TEMPLATE,
    "invoice": TEMPLATE,
    "chat": TEMPLATE,
    "code": TEMPLATE,
    "news": TEMPLATE,
    "site": TEMPLATE,
    "meme": CAPTIONED,
    "panels": CAPTIONED,
    "logo": [None] * 3,
    "burst": TAKEN,
    "video": TAKEN,
    "stereo": TAKEN,
}


@every_family
def test_equal_numbers_are_equal_images_and_others_are_not(family: Family) -> None:
    first, again = family.draw(5, PHOTOS), family.draw(5, PHOTOS)
    np.testing.assert_array_equal(first.pixels, again.pixels)
    for number in (4, 6):
        other = family.draw(number, PHOTOS)
        assert other.pixels.shape == first.pixels.shape
        assert (other.pixels != first.pixels).any()


@every_family
def test_images_of_a_group_are_related_as_said_and_no_others(family: Family) -> None:
    first, *others = (family.draw(number, PHOTOS) for number in range(EACH))
    assert [relation(first, other) for other in others] == RELATIONS[family.name]
    assert relation(first, family.draw(EACH, PHOTOS)) is None


@pytest.mark.parametrize(
    "name", [name for name, said in RELATIONS.items() if said == TEMPLATE]
)
def test_a_template_keeps_some_of_its_pixels_and_fills_in_others(name: str) -> None:
    (family,) = (own for own in FAMILIES if own.name == name)
    one, other = family.draw(0, PHOTOS).pixels, family.draw(1, PHOTOS).pixels
    paper = np.median(one, axis=(0, 1))
    drawn = (one != paper).any(axis=2)
    same = (one == other).all(axis=2)
    assert (drawn & same).any()
    assert (drawn & ~same).mean() > 0.01


def test_the_same_image_again_is_made_by_edits_that_exist() -> None:
    names = {edit.name for edit in EDITS if edit.originals == 1}
    assert {name for family in FAMILIES for name in family.again} <= names
