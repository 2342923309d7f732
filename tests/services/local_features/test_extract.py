"""Keypoints are spread, few enough, the same each time, and where they are said."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow

from ambience.core.features import WORKING_SIDE, Image
from ambience.core.geometry import extent
from ambience.core.keypoints import Keypoints, unpack
from ambience.imaging import ImageFile
from ambience.services.local_features import extract as extract_module
from ambience.services.local_features.extract import (
    QUERY_KEYPOINTS,
    STORED_KEYPOINTS,
    STORED_SIDE,
    DetectedKeypoints,
    LocalFeaturesExtractor,
    RootSift,
    detect,
    spread,
)
from tests.drawing import drawn_image

EXTRACTOR = LocalFeaturesExtractor(RootSift())
CELLS = 12  # of the grid, along the longest side
ALL = 1_000_000  # more keypoints than any image has
WINDOW = 1 / 5  # of each side: the smallest crop that shall be found
MOVES = np.linspace(0, 1 - WINDOW, 33)

TEXTURED = ["astronaut.png", "chelsea.png", "coffee.png", "grass.png", "rocket.jpg"]
PLAIN = Image(np.full((300, 400, 3), 200, np.uint8), None, (300, 400))

Floats = NDArray[np.float64]


@cache
def photo(path: Path) -> Image:
    return ImageFile(path.read_bytes()).image


def image_of(pixels: NDArray[np.uint8], size: tuple[int, int] | None = None) -> Image:
    return Image(pixels, None, size or (pixels.shape[0], pixels.shape[1]))


def speckled(height: int, width: int) -> NDArray[np.uint8]:
    """Draw what has a keypoint everywhere."""
    coarse = np.random.default_rng(0).integers(0, 256, (height // 4, width // 4, 3))
    return np.kron(coarse, np.ones((4, 4, 1))).astype(np.uint8)


def stored(image: Image) -> Keypoints:
    (feature,) = EXTRACTOR.extract([image])
    return unpack(feature.rows)


def asked(image: Image, orientation: str = "upright") -> Keypoints:
    query = EXTRACTOR.query(image)
    return unpack(query.rows[np.array(query.orientations) == orientation])


def places(parts: list[DetectedKeypoints]) -> Floats:
    """Return where keypoints are, in shares of the sides."""
    numbers = [f.numbers()[:, :2] / f.gray.shape[::-1] for f in parts]
    return np.concatenate([np.empty((0, 2)), *numbers])


def inside(points: Floats, x: float, y: float) -> int:
    within = (points >= (x, y)) & (points < (x + WINDOW, y + WINDOW))
    return int(within.all(axis=1).sum())


@pytest.mark.parametrize("name", TEXTURED)
def test_no_window_of_a_photograph_loses_all_keypoints(
    photos: dict[str, Path], name: str
) -> None:
    image = photo(photos[name])
    every = places(detect(image, side=STORED_SIDE, count=ALL))
    kept = places(detect(image, side=STORED_SIDE, count=STORED_KEYPOINTS))
    assert len(kept) == STORED_KEYPOINTS < len(every)
    windows = [(x, y) for x in MOVES for y in MOVES if inside(every, x, y)]
    assert len(windows) > len(MOVES)
    assert min(inside(kept, x, y) for x, y in windows) > 0


def crowded(seed: int) -> tuple[Floats, Floats, Floats]:
    """Return keypoints of which most, and the strongest, are in one corner."""
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 0.15, (4_000, 2))
    elsewhere = rng.uniform(0, 1, (900, 2)) * (1, 0.7)
    responses = np.concatenate([rng.uniform(1, 2, 4_000), rng.uniform(0, 1, 900)])
    return np.vstack([corner, elsewhere]), rng.uniform(0.003, 0.05, 4_900), responses


@pytest.mark.parametrize("seed", range(3))
def test_each_cell_keeps_as_many_as_the_others_until_it_has_no_more(seed: int) -> None:
    where, scales, responses = crowded(seed)
    small = np.minimum(scales, 0.01)  # none is large: there is one round
    chosen = spread(where, small, responses, count=STORED_KEYPOINTS)
    cell = np.floor(where * CELLS).astype(int) @ (1, 100)
    kept = {c: int((cell[chosen] == c).sum()) for c in np.unique(cell)}
    has = {c: int((cell == c).sum()) for c in kept}
    most = max(kept.values())
    assert all(kept[c] >= min(most - 1, has[c]) for c in kept)
    for c in kept:  # the strongest of it
        left = np.setdiff1d(np.flatnonzero(cell == c), chosen)
        weakest = responses[chosen[cell[chosen] == c]].min()
        assert (responses[left] < weakest).all()


def test_some_of_the_large_keypoints_are_kept_though_others_are_stronger() -> None:
    where, scales, responses = crowded(5)
    large = np.zeros(len(where), np.bool_)
    large[::40] = True
    scales = np.where(large, 0.03, 0.005)
    responses = np.where(large, responses / 100, responses)
    chosen = spread(where, scales, responses, count=STORED_KEYPOINTS)
    assert large[chosen].sum() >= 0.15 * STORED_KEYPOINTS
    # The weak ones would not be there otherwise.
    alike = spread(where, np.full(len(where), 0.005), responses, count=STORED_KEYPOINTS)
    assert large[alike].sum() < 0.15 * STORED_KEYPOINTS


@pytest.mark.parametrize("count", [1, 30, 399, 4_899, 4_900, 10_000])
def test_so_many_are_chosen_in_order_and_once(count: int) -> None:
    where, scales, responses = crowded(0)
    chosen = spread(where, scales, responses, count=count)
    assert len(chosen) == min(count, len(where))
    assert (np.diff(chosen) > 0).all()


def test_none_of_none_are_chosen() -> None:
    assert len(spread(np.empty((0, 2)), np.empty(0), np.empty(0), count=5)) == 0


@pytest.mark.parametrize("name", ["grass.png", "page.png", "clock_motion.png"])
def test_no_more_are_kept_than_there_may_be(photos: dict[str, Path], name: str) -> None:
    image = photo(photos[name])
    (feature,) = EXTRACTOR.extract([image])
    query = EXTRACTOR.query(image)
    found = len(places(detect(image, side=STORED_SIDE, count=ALL)))
    strip = max(image.size) / extent(image.size)  # one photograph is just above 1
    assert len(unpack(feature.rows)) == min(round(STORED_KEYPOINTS * strip), found)
    assert feature.quality == min(1.0, found / STORED_KEYPOINTS)
    in_query = len(places(detect(image, side=WORKING_SIDE, count=ALL)))
    assert query.orientations.count("upright") == min(QUERY_KEYPOINTS, in_query) + 1
    assert query.orientations.count("mirrored") == min(QUERY_KEYPOINTS, in_query) + 1


def test_a_closer_look_finds_as_many_more_as_it_has_pixels() -> None:
    pixels = speckled(960, 1280)
    query = EXTRACTOR.query(Image(pixels, None, (1920, 2560)))
    assert query.orientations.count("upright") == 4 * QUERY_KEYPOINTS + 1


def test_a_strip_keeps_as_many_as_the_images_in_it() -> None:
    strip = stored(Image(speckled(128, 2048), None, (128, 2048)))
    # Its extent is 724 pixels: as many pixels, but twice as long as wide.
    assert len(strip) == round(STORED_KEYPOINTS * 2048 / np.sqrt(2 * 128 * 2048))
    per_part, _ = np.histogram(strip.places[:, 0], bins=8, range=(0, 2048))
    assert per_part.min() > 0.8 * len(strip) / 8


def test_equal_images_give_equal_rows(photos: dict[str, Path]) -> None:
    image = photo(photos["chelsea.png"])
    copy = image_of(image.pixels.copy(), image.size)
    first, second = EXTRACTOR.extract([image, copy])
    np.testing.assert_array_equal(first.rows, second.rows)
    np.testing.assert_array_equal(
        EXTRACTOR.query(image).rows, EXTRACTOR.query(copy).rows
    )


@pytest.mark.parametrize(("side", "levels"), [(255, [255, 510]), (256, [256])])
def test_a_small_image_is_looked_at_doubled_too(side: int, levels: list[int]) -> None:
    parts = detect(
        image_of(drawn_image(1, (180, side))), side=WORKING_SIDE, count=QUERY_KEYPOINTS
    )
    assert [max(found.gray.shape) for found in parts] == levels


def test_a_small_image_has_finer_keypoints_for_it(photos: dict[str, Path]) -> None:
    with Pillow.open(photos["astronaut.png"]) as whole:
        thumbnail = np.asarray(whole.convert("RGB").resize((64, 64)))
    upright, doubled = detect(image_of(thumbnail), side=WORKING_SIDE, count=ALL)
    assert len(doubled.points) > len(upright.points)
    keypoints = stored(image_of(thumbnail))
    assert len(keypoints) == len(upright.points) + len(doubled.points)
    # Both stand where they are in the image, and not in the one of twice the size.
    assert keypoints.places.max() <= 64
    half = 32
    assert (keypoints.places > half).any(axis=0).all()


@pytest.mark.parametrize("size", [(300, 400), (1, 1), (1, 500), (2, 3)])
def test_where_nothing_is_there_are_no_keypoints(size: tuple[int, int]) -> None:
    plain = image_of(np.full((*size, 3), 255, np.uint8))
    (feature,) = EXTRACTOR.extract([plain])
    assert len(unpack(feature.rows)) == 0
    assert unpack(feature.rows).size == size
    assert feature.quality == 0
    query = EXTRACTOR.query(plain)
    assert query.quality == 0
    assert query.orientations == ("upright", "mirrored")  # their frames


def test_images_of_a_batch_do_not_change_each_other(photos: dict[str, Path]) -> None:
    images = [photo(photos["rocket.jpg"]), PLAIN, photo(photos["coins.png"])]
    for image, feature in zip(images, EXTRACTOR.extract(images), strict=True):
        (alone,) = EXTRACTOR.extract([image])
        np.testing.assert_array_equal(feature.rows, alone.rows)


@pytest.mark.parametrize("name", TEXTURED)
def test_mirrored_keypoints_are_those_of_the_mirrored_image(
    photos: dict[str, Path], name: str
) -> None:
    image = photo(photos[name])
    turned = image_of(np.ascontiguousarray(image.pixels[:, ::-1]), image.size)
    told, seen = asked(image, "mirrored"), asked(turned)
    away = np.linalg.norm(told.places[:, None] - seen.places, axis=2)
    octaves = np.abs(np.log2(told.scales[:, None] / seen.scales))
    turns = np.cos(told.angles[:, None] - seen.angles)
    # SIFT looks for extrema from left to right, and its angles come in bins: of most,
    # not of all, the other image has the very same.
    same = (away < 1) & (octaves < 0.1) & (turns > np.cos(np.radians(3)))
    pairs = np.argmax(same, axis=1)
    both = same.any(axis=1)
    assert both.mean() > 0.8
    descriptors = told.descriptors[both].astype(float)
    apart = np.linalg.norm(descriptors - seen.descriptors[pairs[both]], axis=1)
    # The nearest of another keypoint is some 200 away.
    assert np.median(apart) < 10
    assert np.percentile(apart, 90) < 50


def test_the_stored_can_be_mirrored_without_the_image(photos: dict[str, Path]) -> None:
    image = photo(photos["astronaut.png"])
    (feature,) = EXTRACTOR.extract([image])
    query = EXTRACTOR.query_from(feature)
    names = np.array(query.orientations)
    np.testing.assert_array_equal(query.rows[names == "upright"], feature.rows)
    upright, mirrored = unpack(feature.rows), unpack(query.rows[names == "mirrored"])
    step = image.size[1] / 65_535
    np.testing.assert_allclose(
        mirrored.places, [(image.size[1], 0)] + upright.places * (-1, 1), atol=step
    )
    twice = RootSift().mirrored(mirrored.descriptors, None)
    np.testing.assert_array_equal(twice, upright.descriptors)
    assert (mirrored.descriptors != upright.descriptors).any(axis=1).all()


def test_places_are_in_pixels_of_the_full_image(photos: dict[str, Path]) -> None:
    small = photo(photos["astronaut.png"])
    as_if = image_of(small.pixels, (2 * 512, 3 * 512))  # it was larger, and wider
    here, there = stored(small), stored(as_if)
    np.testing.assert_array_equal(here.descriptors, there.descriptors)
    step = np.array(as_if.size[::-1]) / 65_535
    assert (np.abs(there.places - here.places * (3, 2)) <= step).all()
    # A scale is a share of the longest side.
    np.testing.assert_allclose(there.scales, 3 * here.scales, rtol=0.0002)


def test_a_larger_image_has_its_keypoints_at_the_same_places(
    photos: dict[str, Path],
) -> None:
    with Pillow.open(photos["retina.jpg"]) as whole:
        pixels = np.asarray(whole)
    small, large = stored(photo(photos["retina.jpg"])), stored(image_of(pixels))
    assert small.size == large.size == pixels.shape[:2]
    away = np.linalg.norm(small.places[:, None] - large.places, axis=2).min(axis=1)
    # Shrunk twice or once, to 512 pixels: one of them is 2.8 of the original.
    assert np.median(away) < 1
    assert np.mean(away < 2.8) > 0.5


def test_a_spot_is_found_where_it_is() -> None:
    y, x = np.mgrid[:200, :300] + 0.5
    spot = 255 * np.exp(-((x - 217.3) ** 2 + (y - 61.8) ** 2) / (2 * 6.0**2))
    keypoints = stored(image_of(np.dstack([spot.astype(np.uint8)] * 3), (400, 600)))
    largest = keypoints.scales.argmax()
    assert keypoints.places[largest] == pytest.approx((434.6, 123.6), abs=0.5)


def floats(found: DetectedKeypoints) -> Floats:
    """Return RootSIFT as its paper defines it, unrounded, of length 512."""
    sift = extract_module._sift()  # noqa: SLF001 -- the same, with its settings
    _, raw = sift.compute(found.gray, found.points)
    shares = raw.astype(np.float64) / raw.sum(axis=1, keepdims=True)
    return np.asarray(RootSift.unit * np.sqrt(shares))


def test_rounding_to_bytes_hardly_moves_distances(photos: dict[str, Path]) -> None:
    parts = [
        found
        for name in TEXTURED
        for found in detect(
            photo(photos[name]), side=STORED_SIDE, count=STORED_KEYPOINTS
        )
    ]
    exact = np.concatenate([floats(found) for found in parts])
    assert exact.max() < 255  # nothing is cut off
    rounded = np.concatenate([RootSift().describe(found) for found in parts])
    one, other = np.random.default_rng(0).permutation(len(exact))[:1_000].reshape(2, -1)
    apart = np.linalg.norm(exact[one] - exact[other], axis=1)
    whole = rounded.astype(float)
    moved = np.linalg.norm(whole[one] - whole[other], axis=1) - apart
    assert np.sqrt(np.mean(moved**2)) / apart.mean() == pytest.approx(0.0013, abs=2e-4)
