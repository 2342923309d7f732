"""What is true of the perceptual hash only."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageFilter, ImageOps

from ambience.core.features import Image
from ambience.core.orientation import Orientation
from ambience.imaging import ImageFile
from ambience.services.phash.extract import (
    BITS,
    MIN_QUALITY,
    SIDE,
    PHashExtractor,
    hash_bits,
    in_all_turns,
    low_frequencies,
    on_canvases,
    quality,
)
from tests.drawing import drawn_image

EXTRACTOR = PHashExtractor()


def image(pixels: NDArray[np.uint8], alpha: NDArray[np.uint8] | None = None) -> Image:
    return Image(pixels, alpha, pixels.shape[:2])


def opened(path: Path) -> Pillow.Image:
    with Pillow.open(path) as photo:
        return photo.convert("RGB")


def working(photo: Pillow.Image) -> Image:
    out = BytesIO()
    photo.save(out, "PNG")
    return ImageFile(out.getvalue()).image


def jpeg(photo: Pillow.Image, quality: int) -> Pillow.Image:
    out = BytesIO()
    photo.save(out, "JPEG", quality=quality)
    return Pillow.open(out).convert("RGB")


def distance(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> int:
    return int(np.bitwise_count(one ^ other).sum())


def hash_of(photo: Pillow.Image) -> NDArray[np.uint8]:
    feature = EXTRACTOR.extract([working(photo)])[0]
    return np.asarray(feature.rows[0], np.uint8)


def slow_low_frequencies(gray: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum up the DCT-II as its definition says, scaled as for a 96 x 96 image."""
    height, width = gray.shape
    y, x = np.arange(height) + 0.5, np.arange(width) + 0.5
    out = np.zeros((SIDE, SIDE))
    for u in range(min(SIDE, height)):
        for v in range(min(SIDE, width)):
            down, across = np.cos(np.pi * u * y / height), np.cos(np.pi * v * x / width)
            waves = np.outer(down, across)
            out[u, v] = 2 * 96 * (gray * waves).sum() / (height * width)
    out[0] /= np.sqrt(2)
    out[:, 0] /= np.sqrt(2)
    return out


@pytest.mark.parametrize("size", [(40, 60), (96, 96), (7, 33), (1, 1)])
def test_the_product_is_the_transform_by_its_definition(size: tuple[int, int]) -> None:
    gray = np.random.default_rng(0).uniform(0, 255, size).astype(np.float32)
    np.testing.assert_allclose(
        low_frequencies(gray), slow_low_frequencies(gray.astype(float)), atol=0.01
    )


TURNS: dict[Orientation, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {
    Orientation.UPRIGHT: lambda p: p,
    Orientation.MIRRORED: np.fliplr,
    Orientation.FLIPPED: np.flipud,
    Orientation.ROTATED_90: lambda p: np.rot90(p, -1),
    Orientation.ROTATED_180: lambda p: np.rot90(p, 2),
    Orientation.ROTATED_270: np.rot90,
    Orientation.TRANSPOSED: lambda p: p.swapaxes(0, 1),
    Orientation.TRANSVERSED: lambda p: np.rot90(p, 2).swapaxes(0, 1),
}


@pytest.mark.parametrize("orientation", Orientation)
def test_turning_coefficients_is_turning_the_image(orientation: Orientation) -> None:
    pixels = drawn_image(3)
    turned = np.ascontiguousarray(TURNS[orientation](pixels))
    (straight,), (expected,) = (on_canvases(image(p)) for p in (pixels, turned))
    turned = in_all_turns(straight[None])[0, list(Orientation).index(orientation)]
    np.testing.assert_allclose(turned, expected.ravel(), atol=0.01)


@pytest.mark.parametrize("orientation", Orientation)
def test_a_query_holds_the_hash_of_every_turned_version(
    orientation: Orientation, photos: dict[str, Path]
) -> None:
    photo = opened(photos["coffee.png"])
    pixels = working(photo).pixels
    turned = image(np.ascontiguousarray(TURNS[orientation](pixels)))
    expected = EXTRACTOR.extract([turned])[0].rows[0]
    for query in (
        EXTRACTOR.query(image(pixels)),
        EXTRACTOR.query_from(EXTRACTOR.extract([image(pixels)])[0]),
    ):
        row = query.rows[query.orientations.index(orientation)]
        # From the stored bits, only those between zero and the median are lost.
        assert distance(row, expected) <= 24


NEAR = 32  # bits: what `ambience duplicates` takes for the same picture

EDITS: dict[str, Callable[[Pillow.Image], Pillow.Image]] = {
    "jpeg 40": lambda p: jpeg(p, 40),
    "half size": lambda p: p.resize((p.width // 2, p.height // 2)),
    "thumbnail": lambda p: ImageOps.contain(p, (128, 128)),
    "squeezed": lambda p: p.resize((300, 300)),
    "blurred": lambda p: p.filter(ImageFilter.GaussianBlur(2)),
    "gray": lambda p: p.convert("L").convert("RGB"),
}


@pytest.mark.parametrize("name", ["astronaut.png", "coffee.png", "rocket.jpg"])
@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_flips_few_bits(edit: str, name: str, photos: dict[str, Path]) -> None:
    photo = opened(photos[name])
    assert distance(hash_of(photo), hash_of(EDITS[edit](photo))) <= NEAR


def test_unrelated_photographs_are_far_apart(photos: dict[str, Path]) -> None:
    hashes = [hash_of(opened(path)) for path in photos.values()]
    nearest = min(
        distance(one, other)
        for i, one in enumerate(hashes)
        for other in hashes[i + 1 :]
    )
    assert nearest > 200


def test_photographs_and_text_have_quality(photos: dict[str, Path]) -> None:
    for name, path in photos.items():
        feature = EXTRACTOR.extract([working(opened(path))])[0]
        assert feature.quality > 2 * MIN_QUALITY, name


def gradient() -> NDArray[np.uint8]:
    ramp = np.linspace(80, 200, 300).astype(np.uint8)
    return np.broadcast_to(ramp[:, None, None], (300, 400, 3)).copy()


@pytest.mark.parametrize(
    "pixels",
    [
        np.full((300, 400, 3), 255, np.uint8),
        np.full((1, 1, 3), 7, np.uint8),
        gradient(),
        np.random.default_rng(0).integers(120, 124, (300, 400, 3)).astype(np.uint8),
    ],
    ids=["blank", "one pixel", "gradient", "faint noise"],
)
def test_flat_images_have_no_quality(pixels: NDArray[np.uint8]) -> None:
    assert EXTRACTOR.extract([image(pixels)])[0].quality < MIN_QUALITY
    assert EXTRACTOR.query(image(pixels)).quality < MIN_QUALITY


def test_a_blank_page_hashes_alike_everywhere() -> None:
    blank = np.full((333, 217, 3), 200, np.uint8)
    (coefficients,) = on_canvases(image(blank))
    bits = np.unpackbits(hash_bits(coefficients))
    assert bits.tolist() == [1] + [0] * (BITS - 1)  # the mean, and nothing else
    assert quality(coefficients) < 0.01


@pytest.mark.parametrize("background", [0, 40, 100, 160, 220, 255])
def test_a_transparent_image_is_found_on_any_background(background: int) -> None:
    pixels = drawn_image(5).astype(float)
    y, x = np.mgrid[:240, :320]
    soft = np.clip(2 - 2 * np.hypot((y - 120) / 110, (x - 160) / 150), 0, 1)
    alpha = np.round(255 * soft).astype(np.uint8)
    over = (alpha / 255.0)[..., None]

    def on(level: int) -> NDArray[np.uint8]:
        return np.asarray(pixels * over + level * (1 - over)).round().astype(np.uint8)

    stored = EXTRACTOR.extract([image(on(255), alpha)])[0]
    query = EXTRACTOR.query(image(on(background)))
    upright = query.rows[query.orientations.index(Orientation.UPRIGHT)]
    assert min(distance(upright, row) for row in stored.rows) <= 48


def artwork(seed: int = 0) -> NDArray[np.uint8]:
    """Return the opacity of some shapes, as of a logo."""
    gray = drawn_image(seed).mean(axis=2)
    return np.where(gray > np.median(gray), 255, 0).astype(np.uint8)


def laid(
    alpha: NDArray[np.uint8], color: int, background: tuple[int, int, int]
) -> Image:
    over = (alpha / 255.0)[..., None]
    mixed = color * over + np.array(background) * (1 - over)
    return image(np.asarray(mixed).round().astype(np.uint8))


DARK, MIDDLE, COLORED = (0, 0, 0), (128, 128, 128), (20, 60, 200)


@pytest.mark.parametrize("background", [DARK, MIDDLE, COLORED])
def test_white_artwork_is_found_on_every_background_that_shows_it(
    background: tuple[int, int, int],
) -> None:
    alpha = artwork()
    white = image(np.full((*alpha.shape, 3), 255, np.uint8), alpha)
    page = laid(alpha, 255, background)
    stored, query = EXTRACTOR.extract([white])[0], EXTRACTOR.query(page)
    assert stored.quality > 2 * MIN_QUALITY
    assert len(stored.rows) == 1  # on white there is nothing, on others it is the same
    row = query.rows[query.orientations.index(Orientation.UPRIGHT)]
    assert min(distance(row, own) for own in stored.rows) <= NEAR
    # And the other way round: the artwork asks for the page.
    query, (own,) = EXTRACTOR.query(white), EXTRACTOR.extract([page])[0].rows
    assert query.quality == pytest.approx(stored.quality)
    assert len(query.orientations) == len(query.rows)
    distances = [distance(row, own) for row in query.rows]
    assert min(distances) <= NEAR
    assert query.orientations[int(np.argmin(distances))] == Orientation.UPRIGHT


def test_a_background_that_hides_the_artwork_leaves_no_row() -> None:
    alpha = artwork()
    for color, hidden in ((255, 0), (0, 4)):
        laid_on_white = laid(alpha, color, (255, 255, 255))
        cut_out = image(laid_on_white.pixels, alpha)
        on_all = on_canvases(cut_out)
        assert quality(on_all[hidden]) < 0.01
        stored = EXTRACTOR.extract([cut_out])[0]
        assert hash_bits(on_all[hidden]).tolist() not in stored.rows.tolist()


@pytest.mark.parametrize("opacity", [0, 128, 254])
@pytest.mark.parametrize("level", [255, 90])
def test_a_transparent_blank_image_has_no_quality(level: int, opacity: int) -> None:
    blank = image(
        np.full((300, 400, 3), level, np.uint8), np.full((300, 400), opacity, np.uint8)
    )
    assert EXTRACTOR.extract([blank])[0].quality < MIN_QUALITY
    assert EXTRACTOR.query(blank).quality < MIN_QUALITY
