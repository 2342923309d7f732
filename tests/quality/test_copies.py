"""Floors: every edited copy of a real photograph is found and named, no stranger is."""

from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from ambience.core.matches import FusedMatch, Relation
from ambience.imaging import full_pixels
from ambience.library.library import Library
from ambience.search.questions import ByImage
from tests.drawing import drawn_image, encode
from tests.library import opened_library

STRANGERS = 60

Edit = Callable[[Image.Image], Image.Image]


def jpeg(quality: int) -> Edit:
    def edit(image: Image.Image) -> Image.Image:
        out = BytesIO()
        image.save(out, "JPEG", quality=quality)
        return Image.open(out).convert("RGB")

    return edit


def noisy(image: Image.Image) -> Image.Image:
    noise = np.random.default_rng(0).normal(0, 8, (image.height, image.width, 1))
    return Image.fromarray(np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8))


def turned(method: Image.Transpose) -> Edit:
    return lambda image: image.transpose(method)


EDITS: dict[str, tuple[Edit, Relation]] = {
    "jpeg 30": (jpeg(30), Relation.RE_ENCODED),
    "half size": (
        lambda i: i.resize((i.width // 2, i.height // 2)),
        Relation.RE_ENCODED,
    ),
    "squeezed square": (lambda i: i.resize((256, 256)), Relation.RE_ENCODED),
    "blurred": (lambda i: i.filter(ImageFilter.GaussianBlur(2)), Relation.RE_ENCODED),
    "noisy": (noisy, Relation.RE_ENCODED),
    "gray": (lambda i: i.convert("L").convert("RGB"), Relation.RE_ENCODED),
    "brighter": (
        lambda i: ImageEnhance.Brightness(i).enhance(1.3),
        Relation.RE_ENCODED,
    ),
    "saturated": (lambda i: ImageEnhance.Color(i).enhance(1.5), Relation.RE_ENCODED),
    "thumbnail of 128": (
        lambda i: ImageOps.contain(i, (128, 128)),
        Relation.RE_ENCODED,
    ),
    "thumbnail of 64": (lambda i: ImageOps.contain(i, (64, 64)), Relation.RE_ENCODED),
    "mirrored": (turned(Image.Transpose.FLIP_LEFT_RIGHT), Relation.MIRRORED),
    "flipped": (turned(Image.Transpose.FLIP_TOP_BOTTOM), Relation.MIRRORED),
    "rotated by 90": (turned(Image.Transpose.ROTATE_90), Relation.ROTATED),
    "rotated by 180": (turned(Image.Transpose.ROTATE_180), Relation.ROTATED),
}


# Gray or dark nearly all over: their palette is like that of anything gray or dark.
FEW_COLORS = {
    "brick.png",
    "cell.png",
    "clock_motion.png",
    "hubble_deep_field.jpg",
    "moon.png",
    "text.png",
}


@pytest.fixture(scope="module")
def library(
    tmp_path_factory: pytest.TempPathFactory, photos: dict[str, Path]
) -> Iterator[Library]:
    with opened_library(tmp_path_factory.mktemp("data")) as library:
        report = library.components.importer.run(list(photos.values()))
        assert report.added == len(photos)
        yield library


def copies(library: Library, data: bytes) -> list[FusedMatch]:
    query = ByImage(data)
    found = library.components.searcher.search(query, k=20, copies_only=True)
    return list(found.matches)


@pytest.mark.parametrize("edit", EDITS)
def test_every_copy_is_found_first_and_named_rightly(
    library: Library, photos: dict[str, Path], edit: str
) -> None:
    change, relation = EDITS[edit]
    for path in photos.values():
        # As displayed: one of them has a color profile.
        original = Image.fromarray(full_pixels(path.read_bytes())[..., :3])
        copy = change(original)
        # A gray photograph has the same pixels once it is made gray.
        same = np.array_equal(np.asarray(copy), np.asarray(original))
        (match,) = copies(library, encode(np.asarray(copy)))
        assert library.components.catalog.get(match.image_id).path == path
        expected = Relation.SAME_PIXELS if same else relation
        assert match.relation is expected, path.name
        assert match.score > 0.9


def test_the_file_itself_is_the_only_copy_of_it(
    library: Library, photos: dict[str, Path]
) -> None:
    for path in photos.values():
        (match,) = copies(library, path.read_bytes())
        assert match.relation is Relation.SAME_FILE
        assert library.components.catalog.get(match.image_id).path == path


def test_no_stranger_is_a_copy_of_anything(library: Library) -> None:
    for seed in range(STRANGERS):
        assert copies(library, encode(drawn_image(seed))) == []


def test_colors_find_the_photograph_after_a_crop(
    library: Library, photos: dict[str, Path]
) -> None:
    for name, path in photos.items():
        with Image.open(path) as image:
            width, height = image.size
            box = (width // 20, height // 20, width * 19 // 20, height * 19 // 20)
            crop = image.convert("RGB").crop(box)
        data = encode(np.asarray(crop))
        answer = library.components.searcher.search(
            ByImage(data), k=1, services=["color"]
        ).services["color"]
        if name in FEW_COLORS:
            assert "nearly flat" in answer.answer.note
            continue
        found = answer.answer.matches[0].image_id
        assert library.components.catalog.get(found).path == path


def test_relations_that_say_copy_are_the_stronger_ones() -> None:
    said = [relation.is_copy for relation in Relation]
    assert said == sorted(said, reverse=True)
