"""The table of all edits, with the relations that are true for their copies."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ambience.imaging.edits import scenes, steps
from ambience.imaging.edits.edited_image import Edited, Pixels, whole
from ambience.imaging.edits.scenes import Make, captioned, on_page
from ambience.imaging.edits.steps import Step, cropped, jpeg, mirrored, tinted


@dataclass(frozen=True, slots=True)
class Edit:
    """A way to make copies.

    Attributes:
        name: Its name in the list of `ambience.imaging.edits`.
        family: Edits of the same family have the same quality goal.
        relations: The names of the relations that are true for such a copy.
        originals: How many originals it needs.
        make: Makes a copy, given this many originals, each of shape ``(height, width,
            3)``, ``uint8``, and a random generator. Generators in equal states make
            equal copies. Another number of originals raises `ValueError`.
    """

    name: str
    family: str
    relations: frozenset[str]
    originals: int
    make: Make


def _copy(name: str, family: str, relations: str, *done: Step) -> Edit:
    """Return an edit of one original, made in steps."""

    def make(originals: Sequence[Pixels], rng: np.random.Generator) -> Edited:
        (original,) = originals
        edited = whole(original)
        for step in done:
            edited = step(edited, rng)
        return edited

    return Edit(name, family, frozenset(relations.split()), 1, make)


def _collage(name: str, family: str, originals: int, make: Make) -> Edit:
    return Edit(name, family, frozenset({"contains"}), originals, make)


EDITS: tuple[Edit, ...] = (
    _copy("identical", "identical", "same_file same_pixels"),
    _copy("JPEG 30", "re-encoded", "re_encoded", jpeg(30)),
    _copy("half size", "re-encoded", "re_encoded", steps.halved),
    _copy("squeezed square", "re-encoded", "re_encoded", steps.squeezed),
    _copy("blur", "re-encoded", "re_encoded", steps.blurred),
    _copy("noise", "re-encoded", "re_encoded", steps.noisy),
    _copy("gray", "re-encoded", "re_encoded", steps.gray),
    _copy("brightness and saturation", "re-encoded", "re_encoded", steps.vivid),
    _copy("thumbnail 128 px", "thumbnail", "re_encoded", steps.thumbnail(128)),
    _copy("thumbnail 64 px", "small thumbnail", "re_encoded", steps.thumbnail(64)),
    _copy("mirror", "mirrored or turned", "mirrored", mirrored),
    _copy("flip", "mirrored or turned", "mirrored", steps.flipped),
    _copy("rotate 90", "mirrored or turned", "rotated", steps.quarter_turned),
    _copy("rotate 180", "mirrored or turned", "rotated", steps.upside_down),
    _copy("rotate 25", "turned a little", "rotated", steps.turned(25)),
    _copy("rotate 8 inside", "turned a little", "rotated", steps.turned_inside(8)),
    _copy("crop 87.5 %", "crop", "crop", cropped(0.875)),
    _copy("crop 60 %", "crop", "crop", cropped(0.6)),
    _copy("crop 70 % at half size", "crop", "crop", cropped(0.7), steps.halved),
    _copy("crop 35 %", "small crop", "crop", cropped(0.35)),
    _copy("crop 20 %", "tiny crop", "crop", cropped(0.2)),
    _copy("mirrored crop 70 %", "mirrored crop", "mirrored", cropped(0.7), mirrored),
    _copy("text bar", "changed", "edited", scenes.text_bar),
    _copy("white border", "changed", "contains", steps.bordered),
    _copy("perspective", "changed", "edited crop", steps.bent),
    _copy("screenshot 640 px", "inside another", "contains", on_page(640)),
    _copy("screenshot 240 px", "small inside another", "contains", on_page(240)),
    _collage("collage of two", "inside another", 2, scenes.side_by_side),
    _collage("collage of nine", "one of nine", 9, scenes.grid(3, cell=320)),
    _copy(
        "mirrored half crop, recolored, text, JPEG 20",
        "combination",
        "mirrored",
        mirrored,
        cropped(0.5**0.5),  # of both sides: half of the area
        tinted,
        captioned,
        jpeg(20),
    ),
    _copy(
        "crop 60 %, recolored, JPEG 20",
        "combination",
        "crop",
        cropped(0.6),
        tinted,
        jpeg(20),
    ),
    _copy(
        "screenshot 640 px of a crop 70 %, JPEG 40",
        "combination",
        "edited contains",
        cropped(0.7),
        on_page(640),
        jpeg(40),
    ),
)

SMALL_PARTS: tuple[Edit, ...] = (
    _copy("crop 10 %", "small part", "crop", cropped(0.1)),
    _copy(
        "240 px on a page of 1650 x 2200",
        "small part",
        "contains",
        on_page(240, window=(2200, 1650)),
    ),
    _collage("collage of twenty-five", "small part", 25, scenes.grid(5, cell=256)),
    _collage("strip of fifteen", "small part", 15, scenes.strip(15)),
)
"""Edits with which nothing is calibrated: each original is small in the copy."""
