"""Transparency: laid on white in the pixels, and given beside them."""

import numpy as np
import pytest
from PIL import Image

from ambience.imaging import ImageFile, full_pixels
from tests.imaging.conftest import Encoded


def faded(arrow: Image.Image) -> Image.Image:
    alpha = np.tile(np.linspace(0, 255, arrow.width).astype(np.uint8), (64, 1))
    picture = arrow.convert("RGBA")
    picture.putalpha(Image.fromarray(alpha))
    return picture


@pytest.mark.parametrize(
    ("kind", "options"),
    [("PNG", {}), ("TIFF", {}), ("WEBP", {"lossless": True, "exact": True})],
)
def test_pixels_lie_on_white_and_alpha_is_kept(
    kind: str, options: dict[str, bool], arrow: Image.Image, encoded: Encoded
) -> None:
    picture = faded(arrow)
    image = ImageFile(encoded(picture, kind, **options)).image
    white = Image.new("RGBA", picture.size, "white")
    expected = np.asarray(Image.alpha_composite(white, picture).convert("RGB"))
    assert image.alpha is not None
    assert np.array_equal(image.alpha, np.asarray(picture.getchannel("A")))
    assert np.abs(image.pixels.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("kind", ["AVIF", "HEIC"])
def test_lossy_formats_keep_alpha(
    kind: str, arrow: Image.Image, encoded: Encoded
) -> None:
    picture = faded(arrow)
    image = ImageFile(encoded(picture, kind, quality=95)).image
    assert image.alpha is not None
    assert np.abs(image.alpha.astype(int) - picture.getchannel("A")).mean() < 3


def test_an_opaque_alpha_channel_is_no_transparency(
    arrow: Image.Image, encoded: Encoded
) -> None:
    assert ImageFile(encoded(arrow.convert("RGBA"), "PNG")).image.alpha is None


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_a_transparent_palette_entry_is_transparent(
    kind: str, arrow: Image.Image, encoded: Encoded
) -> None:
    stored = arrow.quantize(8)
    background = np.asarray(stored)[-1, 0]
    data = encoded(stored, kind, transparency=int(background))
    image = ImageFile(data).image
    assert image.alpha is not None
    assert image.alpha[-1, 0] == 0
    assert image.alpha[0, 0] == 255
    assert tuple(image.pixels[-1, 0]) == (255, 255, 255)


def test_palette_entries_may_be_half_transparent(
    arrow: Image.Image, encoded: Encoded
) -> None:
    data = encoded(arrow.quantize(8), "PNG", transparency=bytes([128] * 8))
    alpha = ImageFile(data).image.alpha
    assert alpha is not None
    assert (alpha == 128).all()


@pytest.mark.parametrize(
    ("mode", "key"), [("L", 240), ("RGB", (240, 240, 240)), ("1", 255)]
)
def test_a_color_that_stands_for_transparency_is_transparent(
    mode: str, key: int | tuple[int, int, int], arrow: Image.Image, encoded: Encoded
) -> None:
    stored = arrow.convert("L").point(lambda v: 255 if v > 200 else 0).convert(mode)
    stored = stored if mode == "1" else arrow.convert(mode)
    alpha = ImageFile(encoded(stored, "PNG", transparency=key)).image.alpha
    assert alpha is not None
    assert alpha[-1, 0] == 0
    assert alpha[0, 0] == 255


def test_a_16_bit_value_may_stand_for_transparency(encoded: Encoded) -> None:
    values = np.zeros((8, 8), dtype=np.uint16)
    values[0] = 51400
    data = encoded(Image.fromarray(values), "PNG", transparency=51400)
    alpha = ImageFile(data).image.alpha
    assert alpha is not None
    assert not alpha[0].any()
    assert (alpha[1:] == 255).all()


def test_scaling_down_lets_no_hidden_color_through(encoded: Encoded) -> None:
    pixels = np.zeros((800, 1600, 4), dtype=np.uint8)
    pixels[:, ::2] = (255, 0, 0, 255)
    pixels[:, 1::2] = (0, 255, 0, 0)  # green, and fully transparent
    image = ImageFile(encoded(Image.fromarray(pixels), "PNG")).image
    assert image.alpha is not None
    assert np.abs(image.pixels[..., 1].astype(int) - image.pixels[..., 2]).max() <= 2


def test_full_pixels_ignore_colors_under_full_transparency(encoded: Encoded) -> None:
    files = []
    for hidden in ((10, 20, 30, 0), (200, 100, 0, 0)):
        pixels = np.full((4, 4, 4), 255, dtype=np.uint8)
        pixels[0, 0] = hidden
        pixels[1, 1] = (50, 60, 70, 128)
        files.append(full_pixels(encoded(Image.fromarray(pixels), "PNG")))
    assert np.array_equal(files[0], files[1])
    assert tuple(files[0][1, 1]) == (50, 60, 70, 128)


def test_full_pixels_are_opaque_where_a_file_has_no_alpha(
    arrow: Image.Image, encoded: Encoded
) -> None:
    pixels = full_pixels(encoded(arrow, "PNG"))
    assert pixels.shape == (64, 96, 4)
    assert (pixels[..., 3] == 255).all()
    assert np.array_equal(pixels[..., :3], np.asarray(arrow))
