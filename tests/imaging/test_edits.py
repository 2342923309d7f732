"""Edits: what they make is what they say, and the original lies where they say."""

import re
from functools import cache

import numpy as np
import pytest

from ambience.core.geometry import mapped
from ambience.imaging import edits
from ambience.imaging.edits import EDITS, SMALL_PARTS, Edit, Edited
from tests.imaging.placing import (
    SIZE,
    Pixels,
    area,
    bounds,
    centers_within,
    likeness,
    off_by,
    scene,
)

EVERY = (*EDITS, *SMALL_PARTS)
BY_NAME = {edit.name: edit for edit in EVERY}
RAMP = (80, 120)
STEPS = (2, 3)  # levels from pixel to pixel of a ramp, along x and along y
RECOLORED = re.compile("JPEG|noise|gray|brightness|text")

# The share of the original's area that is seen in each copy; all of it in the others.
SHARES = {
    "crop 87.5 %": 0.766,
    "crop 60 %": 0.36,
    "crop 70 % at half size": 0.49,
    "crop 35 %": 0.1225,
    "crop 20 %": 0.04,
    "crop 10 %": 0.01,
    "mirrored crop 70 %": 0.49,
    "mirrored half crop, recolored, text, JPEG 20": 0.5,
    "crop 60 %, recolored, JPEG 20": 0.36,
    "screenshot 640 px of a crop 70 %, JPEG 40": 0.49,
    "rotate 8 inside": 0.758,  # by hand: 430.5 x 271.8 of 481 x 321
}
CONTAINING = {edit.name for edit in EVERY if "contains" in edit.relations}

every_edit = pytest.mark.parametrize("edit", EVERY, ids=lambda edit: edit.name)


@cache
def made(name: str, size: tuple[int, int] = SIZE, seed: int = 1) -> Edited:
    originals = [scene(index, size) for index in range(BY_NAME[name].originals)]
    return BY_NAME[name].make(originals, np.random.default_rng(seed))


def ramp(index: int) -> Pixels:
    """Red tells x, green tells y, blue tells which."""
    y, x = np.indices(RAMP)
    red, green = 8 + STEPS[0] * x, 8 + STEPS[1] * y
    return np.dstack([red, green, np.full(RAMP, 20 * index)]).astype(np.uint8)


@every_edit
def test_a_copy_is_an_image_and_shows_every_original_once(edit: Edit) -> None:
    edited = made(edit.name)
    assert edited.pixels.dtype == np.uint8
    assert edited.pixels.shape == (*edited.size, 3)
    assert edited.pixels.flags.c_contiguous
    assert [place.original for place in edited.placed] == list(range(edit.originals))


@every_edit
def test_the_original_is_seen_where_it_is_said_to_lie(edit: Edit) -> None:
    edited = made(edit.name)
    for place in edited.placed:
        assert likeness(edited, place, (0, 0)) > 0.3
        assert abs(off_by(edited, place, 0)) < 0.05
        assert abs(off_by(edited, place, 1)) < 0.05


@pytest.mark.parametrize(
    "edit",
    [edit for edit in EDITS if not RECOLORED.search(edit.name)],
    ids=lambda edit: edit.name,
)
def test_pixels_come_from_the_points_that_the_transform_tells(edit: Edit) -> None:
    originals = [ramp(index) for index in range(edit.originals)]
    negatives = [255 - original for original in originals]
    edited = edit.make(originals, np.random.default_rng(2))
    negative = edit.make(negatives, np.random.default_rng(2)).pixels
    levels = (edited.pixels + (255.0 - negative)) / 2  # rounding cancels out
    for place in edited.placed:
        points = centers_within(place, 2.0)
        assert len(points) > 50
        x, y = points.astype(int).T
        told = (levels[y, x, :2] - 8.0) / STEPS + 0.5
        wrong = told - mapped(place.transform, points)
        assert np.abs(wrong).max() < 0.4
        assert np.abs(wrong.mean(axis=0)).max() < 0.02
        assert np.abs(levels[y, x, 2] - 20.0 * place.original).max() <= 1


@every_edit
def test_a_region_is_within_the_copy_and_shows_parts_of_the_original(
    edit: Edit,
) -> None:
    edited = made(edit.name)
    for place in edited.placed:
        assert place.region.shape[1:] == (2,)
        assert (place.region >= 0).all()
        assert (place.region <= bounds(edited.pixels)).all()
        seen = mapped(place.transform, place.region)
        assert (seen > -1e-6).all()
        assert (seen < np.array(SIZE[::-1]) + 1e-6).all()


@pytest.mark.parametrize("name", sorted(BY_NAME.keys() - {"perspective"}))
def test_so_much_of_the_original_is_seen(name: str) -> None:
    for place in made(name).placed:
        share = area(mapped(place.transform, place.region)) / (SIZE[0] * SIZE[1])
        assert share == pytest.approx(SHARES.get(name, 1.0), rel=0.02)


@every_edit
def test_the_region_is_the_whole_copy_unless_it_holds_more(edit: Edit) -> None:
    edited = made(edit.name)
    covered = sum(area(place.region) for place in edited.placed)
    share = covered / (edited.size[0] * edited.size[1])
    if edit.name in CONTAINING | {"rotate 25"}:
        assert share < 0.995
    else:
        assert share == pytest.approx(1.0)


@every_edit
def test_a_transform_can_be_undone(edit: Edit) -> None:
    for place in made(edit.name).placed:
        there = mapped(place.transform, place.region)
        back = mapped(np.linalg.inv(place.transform).astype(np.float64), there)
        assert np.abs(back - place.region).max() < 1e-6


@every_edit
def test_hands_change_exactly_where_the_relation_says_mirrored(edit: Edit) -> None:
    for place in made(edit.name).placed:
        changed = np.linalg.det(place.transform) < 0
        assert changed == ("mirrored" in edit.relations)


@every_edit
def test_equal_seeds_make_equal_copies(edit: Edit) -> None:
    one, other = made(edit.name, seed=7), made(edit.name, seed=7)
    assert one.pixels.tobytes() == other.pixels.tobytes()
    for here, there in zip(one.placed, other.placed, strict=True):
        assert np.array_equal(here.transform, there.transform)
        assert np.array_equal(here.region, there.region)


@every_edit
def test_originals_are_left_alone(edit: Edit) -> None:
    originals = [scene(index, RAMP) for index in range(edit.originals)]
    for pixels in originals:
        pixels.setflags(write=False)
    edited = edit.make(originals, np.random.default_rng(0))
    assert not any(np.shares_memory(edited.pixels, pixels) for pixels in originals)
    assert edited.pixels.flags.writeable


@every_edit
@pytest.mark.parametrize("size", [(20, 32), (32, 20), (1, 1), (2, 300)])
def test_tiny_and_slender_images_can_be_edited(
    edit: Edit, size: tuple[int, int]
) -> None:
    originals = [np.full((*size, 3), 90, np.uint8)] * edit.originals
    edited = edit.make(originals, np.random.default_rng(0))
    assert min(edited.size) >= 1
    assert len(edited.placed) == edit.originals


@every_edit
def test_another_number_of_originals_is_refused(edit: Edit) -> None:
    originals = [scene(0, RAMP)] * (edit.originals + 1)
    with pytest.raises(ValueError, match=r"unpack|zip"):
        edit.make(originals, np.random.default_rng(0))


def test_every_name_is_unique_and_documented() -> None:
    assert len(BY_NAME) == len(EVERY)
    listed = re.findall("``(.+?)``", re.sub(r"\s+", " ", edits.__doc__ or ""))
    assert sorted(listed) == sorted(BY_NAME)


@pytest.mark.parametrize(
    "name",
    ["crop 20 %", "rotate 25", "perspective", "noise", "text bar", "screenshot 240 px"],
)
def test_other_seeds_make_other_copies(name: str) -> None:
    copies = {made(name, seed=seed).pixels.tobytes() for seed in range(8)}
    assert len(copies) > 1


def test_an_identical_copy_has_the_same_pixels() -> None:
    assert np.array_equal(made("identical").pixels, scene(0, SIZE))


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("half size", (160, 240)),
        ("squeezed square", (401, 401)),
        ("thumbnail 128 px", (85, 128)),
        ("thumbnail 64 px", (43, 64)),
        ("rotate 90", (481, 321)),
        ("rotate 25", (495, 572)),
        ("crop 70 % at half size", (112, 168)),
        ("white border", (321 + 2 * 29, 481 + 2 * 29)),
        ("perspective", SIZE),
        ("screenshot 640 px", (800, 1280)),
    ],
)
def test_a_copy_has_the_size_that_the_edit_asks_for(
    name: str, size: tuple[int, int]
) -> None:
    assert made(name).size == size


def test_a_rotation_goes_either_way_and_leaves_gray_corners() -> None:
    angles = set()
    for seed in range(8):
        edited = made("rotate 25", seed=seed)
        assert (edited.pixels[[0, 0, -1, -1], [0, -1, 0, -1]] == 128).all()
        (place,) = edited.placed
        a, b = place.transform[:2, 0]
        angles.add(round(float(np.degrees(np.arctan2(b, a))), 6))
    assert angles == {25.0, -25.0}


@pytest.mark.parametrize("size", [(300, 400), (400, 300), (100, 900), (900, 100)])
def test_a_rotation_inside_fills_the_frame_and_could_not_be_larger(
    size: tuple[int, int],
) -> None:
    original = np.full((*size, 3), 255, np.uint8)
    edited = BY_NAME["rotate 8 inside"].make([original], np.random.default_rng(0))
    assert (edited.pixels == 255).all()
    sine, cosine = np.sin(np.radians(8)), np.cos(np.radians(8))
    widths = np.arange(1, 1000)
    below = (size[1] - widths * cosine) / sine, (size[0] - widths * sine) / cosine
    largest = (widths * np.minimum(*below)).max()
    height, width = edited.size
    assert (height + 1) * (width + 1) > largest


def test_perspective_is_no_affine_map_and_pulls_no_corner_far() -> None:
    for seed in range(8):
        (place,) = made("perspective", seed=seed).placed
        assert np.abs(place.transform[2, :2]).max() > 1e-7
        frame = np.array([(0, 0), (481, 0), (481, 321), (0, 321)], float)
        inwards = np.abs(mapped(place.transform, frame) - frame) / SIZE[::-1]
        assert inwards.max() <= 0.06 + 1e-9


def test_a_text_bar_covers_the_lowest_fifth_and_nothing_else() -> None:
    edited, original = made("text bar").pixels, scene(0, SIZE)
    top = round(SIZE[0] * 0.8)
    assert np.array_equal(edited[:top], original[:top])
    bar = edited[top:]
    assert np.ptp(bar, axis=2).max() == 0  # black and white
    paper, ink = bar == bar[0, 0], bar == 255 - bar[0, 0]
    assert paper.mean() > 0.6
    assert ink.mean() > 0.02


@pytest.mark.parametrize("width", [640, 240])
@pytest.mark.parametrize("size", [SIZE, (481, 321)])
def test_a_page_shows_the_image_so_wide_and_more_than_the_image(
    width: int, size: tuple[int, int]
) -> None:
    edited = made(f"screenshot {width} px", size)
    (place,) = edited.placed
    low, high = place.region.min(axis=0), place.region.max(axis=0)
    assert high[0] - low[0] == pytest.approx(width)
    assert high[1] - low[1] == pytest.approx(width * size[0] / size[1], abs=0.5)
    assert edited.size[1] == 1280
    assert edited.size[0] >= 800
    page = edited.pixels.copy()
    page[int(low[1]) : int(high[1]), int(low[0]) : int(high[0])] = 255
    assert 0.05 < (page != 255).any(axis=2).mean() < 0.9


def test_images_of_a_collage_do_not_overlap() -> None:
    for name in ("collage of two", "collage of nine"):
        edited = made(name)
        covered = np.zeros(edited.size, int)
        for place in edited.placed:
            x, y = centers_within(place, 0).astype(int).T
            covered[y, x] += 1
        assert covered.max() == 1
        assert (edited.pixels[covered == 0] == 255).all()


def test_both_images_of_two_are_equally_high() -> None:
    originals = [scene(0, (240, 320)), scene(1, (300, 200))]
    edited = BY_NAME["collage of two"].make(originals, np.random.default_rng(0))
    assert edited.size == (240, 320 + 8 + 160)
    assert [np.ptp(place.region[:, 1]) for place in edited.placed] == [240, 240]


def test_gray_has_no_color_and_noise_is_as_strong_as_said() -> None:
    assert np.ptp(made("gray").pixels, axis=2).max() == 0
    flat = np.full((200, 200, 3), 128, np.uint8)
    noisy = BY_NAME["noise"].make([flat], np.random.default_rng(0)).pixels
    assert noisy.std() == pytest.approx(10, rel=0.02)
    assert noisy.mean() == pytest.approx(128, abs=0.2)


def test_brightness_rises_by_a_fifth() -> None:
    flat = np.full((8, 8, 3), (100, 100, 100), np.uint8)
    bright = BY_NAME["brightness and saturation"].make([flat], np.random.default_rng(0))
    assert (bright.pixels == 120).all()


def test_a_blur_is_as_strong_at_any_size() -> None:
    widths = []
    for side in (480, 1920):
        step = np.zeros((side // 4, side, 3), np.uint8)
        step[:, side // 2 :] = 255
        blurred = BY_NAME["blur"].make([step], np.random.default_rng(0)).pixels
        row = blurred[side // 8, :, 0].astype(float)
        widths.append(np.count_nonzero((row > 40) & (row < 215)) / side)
    assert widths[0] == pytest.approx(widths[1], rel=0.35)
    assert widths[0] > 0.004
