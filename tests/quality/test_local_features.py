"""Floors: local features alone find what was cut, turned, pasted and mirrored.

And say where it is: the truth comes with the edit.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ambience import registry
from ambience.core.features import Image, ImageId
from ambience.core.geometry import Points, Size, area, mapped
from ambience.core.matches import Match
from ambience.imaging import ImageFile, full_pixels
from ambience.imaging.edits import EDITS, Edit, Edited, Placed
from ambience.service import SearchRequest, ServiceSpec
from ambience.service.keypoints import KeypointService
from tests.drawing import drawn_image, encode

# In the index, but not edited: a page of text, whose letters all look alike, and a
# photograph so out of focus that it has 21 keypoints.
DISTRACTORS = ("clock_motion.png", "page.png")
STRANGERS = 6
SURE = 0.5  # a larger distance is no claim
EACH = 2  # photographs an edit is made of, in turn, so that all are edited

WORKING = 512  # pixels of the longest side of an image, in which it is measured
NEAR = 6.0  # of them, at the corners: twice what the service calls near at a keypoint
SHARE = 0.03  # of an area: 6 of 512 pixels on both sides, and rounded up

BY_NAME = {edit.name: edit for edit in EDITS}
# That a crop is shown does not tell where it ends: the page might go on as the image.
ENDLESS = "screenshot 640 px of a crop 70 %, JPEG 40"
HARD = ("crop 20 %", "screenshot 240 px", "collage of nine")
MIRRORING = {
    "mirror",
    "flip",
    "mirrored crop 70 %",
    "mirrored half crop, recolored, text, JPEG 20",
}


@dataclass
class Library:
    """A service that has seen all photographs, each under its number."""

    service: KeypointService
    files: list[Path]

    @cached_property
    def images(self) -> list[Image]:
        return [ImageFile(path.read_bytes()).image for path in self.files]

    @cached_property
    def pixels(self) -> list[NDArray[np.uint8]]:
        return [full_pixels(path.read_bytes())[..., :3] for path in self.files]

    @cached_property
    def edited(self) -> list[int]:
        """The numbers of those that edits are made of."""
        return [n for n, p in enumerate(self.files) if p.name not in DISTRACTORS]

    def search(self, pixels: NDArray[np.uint8]) -> list[Match]:
        """Return what is claimed of the file of an image."""
        image = ImageFile(encode(pixels)).image
        return list(self.service.search(image, SearchRequest(radius=SURE)).matches)


@pytest.fixture(scope="module")
def library(
    tmp_path_factory: pytest.TempPathFactory, photos: dict[str, Path]
) -> Iterator[Library]:
    declared = registry.load("local_features")
    assert isinstance(declared, ServiceSpec)
    # However busy the machine is: floors are no timings.
    settings = declared.check({"time_budget_s": 600})
    service = declared.open(settings, tmp_path_factory.mktemp("data"))
    assert isinstance(service, KeypointService)
    library = Library(service, list(photos.values()))
    service.add({ImageId(n): image for n, image in enumerate(library.images)})
    yield library
    service.close()


def made(library: Library, edit: Edit, first: int) -> tuple[Edited, list[int]]:
    """Return an edit and the numbers of what it shows."""
    of = [
        library.edited[(first + n) % len(library.edited)] for n in range(edit.originals)
    ]
    rng = np.random.default_rng(first)
    return edit.make([library.pixels[number] for number in of], rng), of


def error(match: Match, place: Placed, image: Image) -> float:
    """Return how far off an answer is, in working pixels of the image."""
    told = mapped(np.array(match.details["transform"]), place.region)
    away = float(np.hypot(*(told - mapped(place.transform, place.region)).T).max())
    return away * WORKING / max(image.size)


def share(region: Points, size: Size) -> float:
    return area(region) / (size[0] * size[1])


def check_region(match: Match, place: Placed, edited: Edited, image: Image) -> None:
    """Check that what is common lies where it does, in both."""
    region = np.array(match.details["query_region"])
    # As far off in the query as in the image.
    near = NEAR * max(image.size) / WORKING / match.details["scale"]
    for corner in (np.min, np.max):
        away = np.abs(corner(region, axis=0) - corner(place.region, axis=0))
        assert away.max() < near + 1
    expected = share(place.region, edited.size)
    assert match.details["query_overlap"] == pytest.approx(expected, abs=SHARE)
    expected = share(mapped(place.transform, place.region), image.size)
    assert match.details["image_overlap"] == pytest.approx(expected, abs=SHARE)


@pytest.mark.parametrize("name", [n for n in BY_NAME if n not in HARD])
def test_every_copy_is_found_alone_and_where_it_is(library: Library, name: str) -> None:
    edit, number = BY_NAME[name], list(BY_NAME).index(name)
    count = 1 if edit.family == "re-encoded" else EACH  # others find those, too
    for first in range(EACH * number, EACH * number + count):
        edited, of = made(library, edit, first)
        matches = library.search(edited.pixels)
        assert sorted(m.image_id for m in matches) == sorted(of)
        by_id = {match.image_id: match for match in matches}
        for place in edited.placed:
            shown = of[place.original]
            match = by_id[ImageId(shown)]
            assert match.details["mirrored"] == (name in MIRRORING)
            image = library.images[shown]
            assert error(match, place, image) < NEAR
            if name != ENDLESS:
                check_region(match, place, edited, image)


def found(library: Library, edit: Edit, firsts: range) -> list[bool]:
    """Return of which copies the original was found, first and where it is."""
    told = []
    for first in firsts:
        edited, of = made(library, edit, first)
        matches = library.search(edited.pixels)
        assert {match.image_id for match in matches} <= set(of)
        by_id = {match.image_id: match for match in matches}
        for place in edited.placed:
            match = by_id.get(ImageId(of[place.original]))
            image = library.images[of[place.original]]
            told.append(match is not None and error(match, place, image) < NEAR)
    return told


def test_a_twenty_fifth_of_an_image_finds_it_mostly(library: Library) -> None:
    told = found(library, BY_NAME["crop 20 %"], range(len(library.edited)))
    # One may show nothing but sky.
    assert np.mean(told) >= 0.9


def test_a_small_image_on_a_page_is_found_mostly(library: Library) -> None:
    # The page is looked at by half: the image is then 120 pixels wide.
    told = found(library, BY_NAME["screenshot 240 px"], range(1, 14, 3))
    assert np.mean(told) >= 0.8


def test_all_nine_of_a_collage_are_found(library: Library) -> None:
    assert all(found(library, BY_NAME["collage of nine"], range(0, 12, 6)))


def test_photographs_are_unlike_each_other(library: Library) -> None:
    service = library.service
    for number, image in enumerate(library.images):
        image_id = ImageId(number)
        (feature,) = service.extractor.extract([image])
        service.remove([image_id])
        answer = service.search(image, SearchRequest(radius=SURE))
        service.put({image_id: feature})
        assert answer.matches == (), library.files[number].name


def test_strangers_are_unlike_all_photographs(library: Library) -> None:
    for seed in range(STRANGERS):
        assert library.search(drawn_image(seed)) == []
