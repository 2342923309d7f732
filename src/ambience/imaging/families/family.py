"""An image of a family, and what it shares with other images."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from ambience.core.matches import Relation
from ambience.imaging.edits.edited_image import Pixels

EACH = 4
"""The number of images in a group: they share a template, a scene or pictures."""


@dataclass(frozen=True, slots=True, eq=False)
class FamilyImage:
    """An image that shares structure with others.

    Attributes:
        pixels: Shape ``(height, width, 3)``, ``uint8``, contiguous.
        picture: The name of the picture it shows, if several images show the same.
        scene: The name of the scene it shows.
        template: The name of its layout.
    """

    pixels: Pixels
    picture: str = ""
    scene: str = ""
    template: str = ""


Draw: TypeAlias = Callable[[int, Sequence[Pixels]], FamilyImage]
"""Draws an image, given its number and photographs; equal arguments, equal images."""


@dataclass(frozen=True, slots=True)
class Family:
    """A kind of image that is easily mistaken for copies of others of the same kind.

    Attributes:
        name: Its name.
        draw: Draws an image. Every `EACH` numbers in a row form a group, which shares a
            template or a scene. Groups show different photographs if there are enough:
            `PHOTOGRAPHS` per group.
        again: The names of the edits that make copies of the same image.
    """

    name: str
    draw: Draw
    again: tuple[str, ...]


PHOTOGRAPHS = 2 * EACH
"""The largest number of photographs in a group."""


def relation(one: FamilyImage, other: FamilyImage) -> Relation | None:
    """Return the true relation of two images; ``None`` if there is none.

    - ``edited``: they show the same picture with different things put over it;
    - ``same_scene``: they show one scene from different places or moments;
    - ``same_template``: they have the same layout and different contents.
    """
    if one.picture and one.picture == other.picture:
        return Relation.EDITED
    if one.scene and one.scene == other.scene:
        return Relation.SAME_SCENE
    if one.template and one.template == other.template:
        return Relation.SAME_TEMPLATE
    return None


def of_group(name: str, number: int) -> np.random.Generator:
    """Return the random generator for what the images of a group share."""
    return np.random.default_rng([*name.encode(), number // EACH])


def of_image(name: str, number: int) -> np.random.Generator:
    """Return the random generator for what is special to one image."""
    return np.random.default_rng([*name.encode(), number // EACH, number % EACH])
