"""Every format ends as the same upright pixels at the same working size."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageOps

from ambience.core.geometry import extent
from ambience.imaging import WORKING_SIDE, ImageFile, full_pixels
from ambience.imaging.decoding import FILTER, scaled_size, working_size
from tests.imaging.conftest import Encoded

any_size = given(st.integers(1, 70000), st.integers(1, 70000), st.integers(1, 2000))
LOSSLESS = ["PNG", "BMP", "TIFF"]
LOSSY = {"JPEG": 95, "WEBP": 95, "AVIF": 95, "HEIC": 95}

# A mean of levels: quality 95 alone moves a photograph by up to 1.3.
LOSS = 2.0


def mean_difference(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    assert one.shape == other.shape
    return float(np.abs(one.astype(int) - other).mean())


def shrunk(picture: Image.Image) -> NDArray[np.uint8]:
    """The slow, obvious way: every pixel, then one resize."""
    size = working_size(picture.size, WORKING_SIDE)
    return np.asarray(picture.convert("RGB").resize(size, FILTER))


@pytest.mark.parametrize("kind", LOSSLESS)
def test_lossless_formats_give_equal_pixels(
    kind: str, photograph: Image.Image, encoded: Encoded
) -> None:
    image = ImageFile(encoded(photograph, kind)).image
    assert np.array_equal(image.pixels, shrunk(photograph))
    assert image.size == (700, 900)
    assert image.alpha is None


@pytest.mark.parametrize("kind", LOSSY)
def test_lossy_formats_give_nearly_equal_pixels(
    kind: str, photograph: Image.Image, encoded: Encoded
) -> None:
    image = ImageFile(encoded(photograph, kind, quality=LOSSY[kind])).image
    assert mean_difference(image.pixels, shrunk(photograph)) < LOSS
    assert image.size == (700, 900)


@pytest.mark.parametrize(
    ("width", "height"), [(4000, 3000), (2561, 1283), (1300, 5200)]
)
def test_a_scaled_jpeg_decode_matches_the_full_one(
    width: int, height: int, photograph: Image.Image, encoded: Encoded
) -> None:
    large = photograph.resize((width, height), Image.Resampling.BICUBIC)
    data = encoded(large, "JPEG", quality=90)
    fast = ImageFile(data).image.pixels
    slow = shrunk(Image.fromarray(full_pixels(data)[..., :3]))
    # 1.5 was measured where nearly all scaling is the decoder's (5200 to 650 to 640):
    # it averages over squares, a sharper filter than our triangle
    assert mean_difference(fast, slow) < 2.0


def test_a_picture_arriving_half_as_large_gives_nearly_the_same_pixels(
    photograph: Image.Image, encoded: Encoded
) -> None:
    large = photograph.resize((3600, 2800), Image.Resampling.BICUBIC)
    half = large.resize((1800, 1400), Image.Resampling.LANCZOS)
    images = [ImageFile(encoded(it, "JPEG", quality=92)).image for it in (large, half)]
    assert mean_difference(images[0].pixels, images[1].pixels) < 1.0


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_mirrored_picture_gives_mirrored_pixels(
    kind: str, photograph: Image.Image, encoded: Encoded
) -> None:
    # of a width that fills its 16 px JPEG blocks, or the encoder itself is unlike
    wide = photograph.resize((1600, 1200), Image.Resampling.BICUBIC)
    straight = ImageFile(encoded(wide, kind)).image.pixels
    mirrored = ImageFile(encoded(ImageOps.mirror(wide), kind)).image.pixels
    assert mean_difference(straight, mirrored[:, ::-1]) < 0.5


def test_small_images_are_not_enlarged(arrow: Image.Image, encoded: Encoded) -> None:
    assert ImageFile(encoded(arrow, "PNG")).image.pixels.shape == (64, 96, 3)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "TIFF"])
@pytest.mark.parametrize("size", [(1, 20000), (20000, 1), (1, 1), (3, 9000)])
def test_elongated_images_keep_at_least_one_pixel_across(
    kind: str, size: tuple[int, int], encoded: Encoded
) -> None:
    image = ImageFile(encoded(Image.new("RGB", size, (9, 200, 90)), kind)).image
    width, height = working_size(size, WORKING_SIDE)
    assert image.pixels.shape == (height, width, 3)
    assert image.size == (size[1], size[0])
    assert min(image.pixels.shape) >= 1


@any_size
def test_working_sizes_keep_as_much_of_a_strip_as_of_other_images(
    width: int, height: int, side: int
) -> None:
    made = working_size((width, height), side)
    assert made == working_size((height, width), side)[::-1]
    assert 1 <= min(made) <= max(made) <= 16 * side
    if max(width, height) <= 2 * min(width, height):
        assert made == scaled_size((width, height), side)
    elif max(made) < 16 * side and min(made) > 32:  # rounding matters less
        assert extent(made) == pytest.approx(
            min(side, extent((width, height))), rel=0.05
        )


@any_size
def test_scaled_sizes_fit_and_do_not_depend_on_turning(
    width: int, height: int, side: int
) -> None:
    scaled = scaled_size((width, height), side)
    assert scaled == scaled_size((height, width), side)[::-1]
    assert max(scaled) == min(side, max(width, height))
    assert min(scaled) >= 1


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(
    kind: str, orientation: int, arrow: Image.Image, encoded: Encoded
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {} if kind in {"PNG", "TIFF"} else {"quality": 95}
    data = encoded(arrow, kind, exif=exif.tobytes(), **options)
    with_exif = arrow.copy()
    with_exif.getexif()[0x0112] = orientation
    upright = np.asarray(ImageOps.exif_transpose(with_exif))
    file = ImageFile(data)
    assert file.info.size == upright.shape[:2]
    assert file.image.size == upright.shape[:2]
    assert mean_difference(file.image.pixels, upright) < LOSS
    assert mean_difference(full_pixels(data)[..., :3], upright) < LOSS


@pytest.mark.parametrize("orientation", [3, 6])
def test_orientation_is_applied_to_large_photographs_too(
    orientation: int, photograph: Image.Image, encoded: Encoded
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    large = photograph.resize((2700, 2100))
    image = ImageFile(encoded(large, "JPEG", exif=exif.tobytes())).image
    turn = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_270}[orientation]
    assert mean_difference(image.pixels, shrunk(large.transpose(turn))) < LOSS


def test_heic_orientation_is_applied_once(arrow: Image.Image, encoded: Encoded) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    file = ImageFile(encoded(arrow, "HEIC", quality=95, exif=exif.tobytes()))
    turned = np.asarray(arrow.transpose(Image.Transpose.ROTATE_270))
    assert file.info.size == (96, 64)
    assert mean_difference(file.image.pixels, turned) < LOSS


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "AVIF", "TIFF"])
def test_the_first_frame_is_seen_and_frames_are_counted(
    kind: str, arrow: Image.Image, encoded: Encoded
) -> None:
    more = [Image.new("RGB", arrow.size, color) for color in ("red", "blue")]
    file = ImageFile(encoded(arrow, kind, save_all=True, append_images=more))
    assert file.info.frames == 3
    assert mean_difference(file.image.pixels, np.asarray(arrow)) < 4.0  # AVIF's loss


@pytest.mark.parametrize(
    "compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"]
)
def test_compressed_tiffs_are_read(
    compression: str, photograph: Image.Image, encoded: Encoded
) -> None:
    image = ImageFile(encoded(photograph, "TIFF", compression=compression)).image
    assert mean_difference(image.pixels, shrunk(photograph)) < 3.0  # JPEG quality 75


def test_big_tiff_is_read_with_its_orientation(
    arrow: Image.Image, encoded: Encoded
) -> None:
    data = encoded(arrow, "TIFF", big_tiff=True, tiffinfo={0x0112: 8})
    turned = arrow.transpose(Image.Transpose.ROTATE_90)
    assert np.array_equal(ImageFile(data).image.pixels, np.asarray(turned))


def test_pixels_are_read_only(arrow: Image.Image, encoded: Encoded) -> None:
    image = ImageFile(encoded(arrow.convert("RGBA"), "PNG")).image
    assert not image.pixels.flags.writeable
