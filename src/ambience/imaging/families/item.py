"""One image of a family, and what it has in common with the others."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from ambience.core.matches import Relation
from ambience.imaging.edits.placing import Pixels

EACH = 4
"""How many images in a row share a template, a scene or a picture."""


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """An image that shares structure with others.

    Attributes:
        pixels: Shape ``(height, width, 3)``, ``uint8``, contiguous.
        picture: Names what it is a copy of, where several show one picture.
        scene: Names the scene that it was taken of.
        template: Names the layout that it is filled into.
    """

    pixels: Pixels
    picture: str = ""
    scene: str = ""
    template: str = ""


Draw: TypeAlias = Callable[[int, Sequence[Pixels]], Item]
"""Takes the number of an image and photographs; equal ones give equal images."""


@dataclass(frozen=True, slots=True)
class Family:
    """A kind of images that are easily taken for copies of each other.

    Attributes:
        name: Its own.
        draw: Draws an image of it. Numbers that are equal once divided by `EACH` share
            a template or a scene. No two groups show one photograph where there are
            enough: `PHOTOGRAPHS` for each group.
        again: The edits, by name, that make the same image again.
    """

    name: str
    draw: Draw
    again: tuple[str, ...]


PHOTOGRAPHS = 2 * EACH
"""How many photographs a group shows at most."""


def relation(one: Item, other: Item) -> Relation | None:
    """Return what would be right to say of two images; ``None``: nothing.

    - ``edited``: they show one picture, with something else put over it;
    - ``same_scene``: it was taken from elsewhere, or moments later;
    - ``same_template``: they are one layout with other contents.
    """
    if one.picture and one.picture == other.picture:
        return Relation.EDITED
    if one.scene and one.scene == other.scene:
        return Relation.SAME_SCENE
    if one.template and one.template == other.template:
        return Relation.SAME_TEMPLATE
    return None


def of_group(name: str, number: int) -> np.random.Generator:
    """Return the source of what the images of a group share."""
    return np.random.default_rng([*name.encode(), number // EACH])


def of_image(name: str, number: int) -> np.random.Generator:
    """Return the source of what one image has for itself."""
    return np.random.default_rng([*name.encode(), number // EACH, number % EACH])
