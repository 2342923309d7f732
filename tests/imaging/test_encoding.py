"""Thumbnails and renditions: small, upright, and with their transparency."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from ambience.core.errors import BadParameterError
from ambience.imaging import (
    THUMBNAIL_SIDE,
    Format,
    ImageFile,
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
