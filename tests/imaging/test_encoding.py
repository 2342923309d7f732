"""Thumbnails and renditions: small, upright, and with their transparency."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from ambience.core.errors import BadParameterError, NotAnImageError, TooLargeError
from ambience.core.region import Region
from ambience.imaging import (
    THUMBNAIL_SIDE,
    Format,
    ImageFile,
    Limits,
    full_pixels,
    part,
    rendition,
    sniff,
    thumbnail,
)
from tests.imaging.conftest import Encoded


def opened(data: bytes) -> Image.Image:
    with Image.open(BytesIO(data)) as picture:
        picture.load()
        return picture


def test_a_thumbnail_is_a_webp_of_512_pixels(
    photograph: Image.Image, encoded: Encoded
) -> None:
    data = thumbnail(ImageFile(encoded(photograph, "PNG")).image)
    assert sniff(data) is Format.WEBP
    assert opened(data).size == (THUMBNAIL_SIDE, 398)
    shown = np.asarray(opened(data).convert("RGB")).astype(int)
    expected = photograph.resize((512, 398), Image.Resampling.BILINEAR)
    assert np.abs(shown - np.asarray(expected)).mean() < 4.0  # 3.0 was measured


def test_a_thumbnail_of_a_small_image_keeps_its_size(
    arrow: Image.Image, encoded: Encoded
) -> None:
    data = thumbnail(ImageFile(encoded(arrow, "PNG")).image)
    assert opened(data).size == arrow.size


def test_equal_images_give_equal_thumbnails(
    photograph: Image.Image, encoded: Encoded
) -> None:
    image = ImageFile(encoded(photograph, "PNG")).image
    assert thumbnail(image) == thumbnail(image)


def test_a_thumbnail_keeps_alpha_and_the_colors_below(encoded: Encoded) -> None:
    pixels = np.zeros((900, 900, 4), dtype=np.uint8)
    pixels[..., :3] = (200, 40, 90)
    pixels[..., 3] = np.linspace(0, 255, 900).astype(np.uint8)
    data = thumbnail(ImageFile(encoded(Image.fromarray(pixels), "PNG")).image)
    shown = np.asarray(opened(data)).astype(int)
    assert shown.shape == (512, 512, 4)
    assert np.abs(shown[0, :, 3] - np.linspace(0, 255, 512)).max() <= 3
    assert np.abs(shown[:, 128:, :3] - (200, 40, 90)).max() < 16  # WebP's own loss


@pytest.mark.parametrize("kind", ["HEIC", "TIFF", "PNG"])
def test_a_rendition_is_a_jpeg_within_its_side(
    kind: str, photograph: Image.Image, encoded: Encoded
) -> None:
    data = rendition(encoded(photograph, kind), longest_side=300)
    assert sniff(data) is Format.JPEG
    assert opened(data).size == (300, 233)


def test_a_rendition_with_transparency_is_a_webp(
    arrow: Image.Image, encoded: Encoded
) -> None:
    picture = arrow.convert("RGBA")
    picture.putalpha(100)
    data = rendition(encoded(picture, "TIFF"), longest_side=2000)
    assert sniff(data) is Format.WEBP
    assert opened(data).size == arrow.size
    assert opened(data).getchannel("A").getextrema() == (100, 100)


def test_a_rendition_is_upright(arrow: Image.Image, encoded: Encoded) -> None:
    data = encoded(arrow, "TIFF", tiffinfo={0x0112: 6})
    assert opened(rendition(data, longest_side=2000)).size == (64, 96)


@pytest.mark.parametrize("longest_side", [0, -5, 16384])
def test_a_rendition_of_an_impossible_side_is_refused(
    longest_side: int, arrow: Image.Image, encoded: Encoded
) -> None:
    with pytest.raises(BadParameterError, match="longest_side"):
        rendition(encoded(arrow, "PNG"), longest_side=longest_side)


@pytest.mark.parametrize("turn", range(1, 9))
def test_a_part_has_every_pixel_of_the_image_as_displayed(
    arrow: Image.Image, encoded: Encoded, turn: int
) -> None:
    exif = Image.Exif()
    exif[274] = turn
    data = encoded(arrow, "PNG", exif=exif)
    whole = full_pixels(data)
    cut = part(data, Region(20, 10, 40, 50))
    assert sniff(cut) is Format.PNG
    assert np.array_equal(full_pixels(cut), whole[10:60, 20:60])


def test_a_part_keeps_opacity_and_the_colors_below(encoded: Encoded) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (30, 40, 4), np.uint8)
    data = encoded(Image.fromarray(pixels), "PNG")
    cut = full_pixels(part(data, Region(5, 6, 7, 8)))
    assert np.array_equal(cut, full_pixels(data)[6:14, 5:12])


def test_a_part_of_what_is_refused_is_refused(
    arrow: Image.Image, encoded: Encoded
) -> None:
    data, region = encoded(arrow, "PNG"), Region(0, 0, 1, 1)
    with pytest.raises(NotAnImageError):
        part(b"text", region)
    with pytest.raises(TooLargeError):
        part(data, region, limits=Limits(max_megapixels=0.001))
    with pytest.raises(BadParameterError, match="96 pixels wide and 64 high"):
        part(data, Region(90, 0, 7, 1))
