"""What a file tells of its past: a camera, its steps, and what it was saved from."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from ambience.core.errors import NotAnImageError
from ambience.imaging import extracted, saved_from
from ambience.services.phash.extract import PHashExtractor
from tests.drawing import drawn_image, encode

HASH = "ambience.services.phash.extract:PHashExtractor"
DRAWN = drawn_image(1, (240, 320))


def jpeg(pixels: np.ndarray, quality: int) -> bytes:
    return encode(pixels, "JPEG", quality=quality)


def decoded(data: bytes) -> np.ndarray:
    with Image.open(BytesIO(data)) as image:
        return np.array(image)


def steps(data: bytes) -> tuple[int, ...]:
    return extracted(data, ()).provenance.steps


@pytest.mark.parametrize(("first", "second"), [(60, 80), (75, 90), (80, 95), (90, 98)])
def test_a_finer_jpeg_shows_that_it_was_saved_from_a_coarser_one(
    first: int, second: int
) -> None:
    source = jpeg(DRAWN, first)
    again = jpeg(decoded(source), second)
    fresh = jpeg(DRAWN, second)
    table = [steps(source)]
    assert saved_from(again, table) == [True]
    assert saved_from(fresh, table) == [False]


def test_so_does_a_file_without_loss() -> None:
    source = jpeg(DRAWN, 80)
    assert saved_from(encode(decoded(source)), [steps(source)]) == [True]
    assert saved_from(encode(DRAWN), [steps(source)]) == [False]


def test_a_coarser_jpeg_was_not_saved_from_a_finer_one_as_far_as_is_seen() -> None:
    source = jpeg(DRAWN, 95)
    assert saved_from(jpeg(decoded(source), 60), [steps(source)]) == [False]


@pytest.mark.parametrize("size", [(7, 5), (8, 8), (9, 640)])
def test_an_image_of_few_blocks_tells_nothing(size: tuple[int, int]) -> None:
    small = drawn_image(2, size)
    assert saved_from(encode(small), [steps(jpeg(DRAWN, 50))]) == [False]


def test_what_the_header_tells() -> None:
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    camera = extracted(encode(DRAWN, "JPEG", exif=exif), ()).provenance
    plain = extracted(jpeg(DRAWN, 75), ()).provenance
    assert (camera.names_camera, plain.names_camera) == (True, False)
    assert (len(plain.steps), plain.is_lossless) == (64, False)
    assert extracted(encode(DRAWN), ()).provenance.is_lossless
    few_colors = Image.fromarray(DRAWN).quantize(64)
    out = BytesIO()
    few_colors.save(out, "PNG")
    assert not extracted(out.getvalue(), ()).provenance.is_lossless
    assert not extracted(encode(DRAWN, "WEBP"), ()).provenance.is_lossless


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_a_hash_made_where_the_file_is_decoded_is_the_same(form: str) -> None:
    from ambience.imaging import ImageFile

    data = encode(drawn_image(3, (900, 1200)), form)
    made = extracted(data, (HASH,))
    (own,) = PHashExtractor().extract([ImageFile(data).image])
    assert np.array_equal(made.features[0].rows, own.rows)
    assert made.features[0].quality == own.quality
    assert made.info == ImageFile(data).info


def test_what_is_no_image_says_so() -> None:
    with pytest.raises(NotAnImageError):
        extracted(b"text", (HASH,))
