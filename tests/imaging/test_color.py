"""Whatever a file stores, gray, ink, palette or wide values, comes out as sRGB."""

import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from ambience.imaging import ImageFile, full_pixels
from tests.imaging.conftest import Encoded


def srgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def red_green_swapped() -> bytes:
    """A valid profile whose red primary is sRGB's green one, and the other way."""
    profile = srgb_profile()
    for old, new in ((b"rXYZ", b"????"), (b"gXYZ", b"rXYZ"), (b"????", b"gXYZ")):
        profile = profile.replace(old, new, 1)
    return profile


def ink_profile() -> bytes:
    """A CMYK profile by which cyan prints mid gray and no ink prints white.

    ICC.1:2001-04, section 6.5.8 (lut8Type): Lab from a grid of 2 points an ink.
    """
    table = bytearray()
    for point in range(16):
        cyan = point >> 3  # the first ink varies slowest
        table += bytes([128 if cyan else 255, 128, 128])  # L*, a*, b*
    identity = bytes(range(256))
    matrix = struct.pack(">9i", *(65536 if at % 4 == 0 else 0 for at in range(9)))
    lut = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + matrix
    lut += identity * 4 + bytes(table) + identity * 3
    white = b"XYZ \x00\x00\x00\x00" + struct.pack(">3i", 63190, 65536, 54061)
    text = b"text" + bytes(4) + b"none\x00"
    tags = {b"A2B0": lut, b"A2B1": lut, b"wtpt": white, b"cprt": text}
    start = 128 + 4 + 12 * len(tags)
    directory, body = struct.pack(">I", len(tags)), b""
    for name, content in tags.items():
        directory += name + struct.pack(">II", start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    header = struct.pack(">I", start + len(body)) + b"lcms" + b"\x02\x40\x00\x00"
    header += b"prtrCMYKLab " + bytes(12) + b"acsp" + bytes(28)
    header += struct.pack(">3i", 63190, 65536, 54061)
    return header.ljust(128, b"\x00") + directory + body


GRAY = np.linspace(0, 255, 64).round().astype(np.uint8)[np.newaxis].repeat(8, axis=0)


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGBA", "RGB"])
def test_every_png_mode_gives_the_colors_it_shows(
    mode: str, arrow: Image.Image, encoded: Encoded
) -> None:
    stored = arrow.convert(mode)
    pixels = ImageFile(encoded(stored, "PNG")).image.pixels
    assert np.array_equal(pixels, np.asarray(stored.convert("RGB")))


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB"])
def test_every_tiff_mode_gives_the_colors_it_shows(
    mode: str, arrow: Image.Image, encoded: Encoded
) -> None:
    if mode == "LAB":
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        way = ImageCms.buildTransform(srgb, lab, "RGB", "LAB")
        stored = way.apply(arrow)
        stored.info.clear()
        shown = np.asarray(arrow)
    else:
        stored = arrow.convert(mode)
        shown = np.asarray(stored.convert("RGB"))
    pixels = ImageFile(encoded(stored, "TIFF")).image.pixels
    # 8-bit Lab is coarse: 13 levels of red in a saturated blue
    assert np.abs(pixels.astype(int) - shown).max() <= (16 if mode == "LAB" else 0)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bit_gray_keeps_its_high_byte(kind: str, encoded: Encoded) -> None:
    wide = Image.fromarray(GRAY.astype(np.uint16) * 257)
    pixels = ImageFile(encoded(wide, kind)).image.pixels
    assert np.array_equal(pixels[..., 1], GRAY)


def test_big_endian_16_bit_tiff_is_the_same(encoded: Encoded) -> None:
    wide = Image.frombytes(
        "I;16B", GRAY.shape[::-1], (GRAY.astype(">u2") * 257).tobytes()
    )
    pixels = ImageFile(encoded(wide, "TIFF")).image.pixels
    assert np.array_equal(pixels[..., 0], GRAY)


@pytest.mark.parametrize(
    ("low", "high"), [(0.0, 1.0), (0.0, 255.0), (0.0, 65535.0), (-3.0, 1e9)]
)
def test_float_tiff_fills_its_range(low: float, high: float, encoded: Encoded) -> None:
    values = (GRAY / np.float32(255) * (high - low) + low).astype(np.float32)
    pixels = ImageFile(encoded(Image.fromarray(values), "TIFF")).image.pixels
    assert np.abs(pixels[..., 2].astype(int) - GRAY).max() <= 1


def test_float_tiff_with_nothing_but_nan_is_black(encoded: Encoded) -> None:
    values = np.full((8, 8), np.nan, dtype=np.float32)
    assert not ImageFile(encoded(Image.fromarray(values), "TIFF")).image.pixels.any()


@pytest.mark.parametrize("factor", [257, 8_000_000])
def test_integer_tiff_fills_its_range(factor: int, encoded: Encoded) -> None:
    values = GRAY.astype(np.int32) * factor
    pixels = ImageFile(encoded(Image.fromarray(values), "TIFF")).image.pixels
    assert np.abs(pixels[..., 0].astype(int) - GRAY).max() <= 1


def test_cmyk_jpeg_is_not_inverted(photograph: Image.Image, encoded: Encoded) -> None:
    data = encoded(photograph.convert("CMYK"), "JPEG", quality=95)
    assert b"Adobe" in data[:64]  # and so its inks are stored inverted
    shown = np.asarray(photograph).astype(int)
    assert np.abs(full_pixels(data)[..., :3] - shown).mean() < 3.0


def test_cmyk_is_converted_by_its_profile(encoded: Encoded) -> None:
    cyan = Image.new("CMYK", (16, 16), (255, 0, 0, 0))
    plain = ImageFile(encoded(cyan, "JPEG")).image.pixels[0, 0]
    data = encoded(cyan, "JPEG", icc_profile=ink_profile())
    printed = ImageFile(data).image.pixels[0, 0].astype(int)
    assert plain[0] < 10
    assert plain[1] > 245
    assert np.ptp(printed) <= 3  # gray, as the profile says
    assert 100 < printed[0] < 140


def test_an_embedded_profile_is_converted_to_srgb(encoded: Encoded) -> None:
    red = Image.new("RGB", (16, 16), (220, 40, 60))
    pixels = full_pixels(encoded(red, "PNG", icc_profile=red_green_swapped()))
    assert np.abs(pixels[0, 0, :3].astype(int) - (40, 220, 60)).max() <= 2


def test_an_srgb_profile_changes_nothing(
    photograph: Image.Image, encoded: Encoded
) -> None:
    data = encoded(photograph, "PNG", icc_profile=srgb_profile())
    assert np.array_equal(full_pixels(data)[..., :3], np.asarray(photograph))


@pytest.mark.parametrize(
    "profile", [b"garbage", srgb_profile()[:200], ink_profile(), b"\x00" * 5_000_000]
)
def test_a_broken_or_unfitting_profile_is_left_out(
    profile: bytes, arrow: Image.Image, encoded: Encoded
) -> None:
    data = encoded(arrow, "TIFF", icc_profile=profile)
    assert np.array_equal(ImageFile(data).image.pixels, np.asarray(arrow))


def test_a_color_profile_on_a_gray_image_is_left_out(
    arrow: Image.Image, encoded: Encoded
) -> None:
    gray = arrow.convert("L")
    data = encoded(gray, "PNG", icc_profile=red_green_swapped())
    assert np.array_equal(ImageFile(data).image.pixels[..., 0], np.asarray(gray))
