"""A JPEG may have many scans, but not so many that decoding it takes for ever."""

import pytest
from PIL import Image

from ambience.core.errors import TooLargeError
from ambience.imaging import ImageFile, Limits
from ambience.imaging.jpeg_scans import jpeg_scans
from tests.imaging.conftest import Encoded
from tests.slow_images import repeated_scans


def test_scans_are_counted(photograph: Image.Image, encoded: Encoded) -> None:
    assert jpeg_scans(encoded(photograph, "JPEG"), most=500) == 1
    assert jpeg_scans(encoded(photograph, "JPEG", progressive=True), most=500) == 10
    assert jpeg_scans(encoded(photograph, "JPEG", restart_marker_rows=1), most=9) == 1
    assert jpeg_scans(repeated_scans(40), most=500) == 46
    assert jpeg_scans(repeated_scans(40), most=7) == 7


def test_what_is_embedded_or_follows_is_not_counted(
    arrow: Image.Image, encoded: Encoded
) -> None:
    exif = Image.Exif()
    exif[0x010E] = "\xff\xda" * 200  # as random bytes of a thumbnail may look
    data = encoded(arrow, "JPEG", exif=exif.tobytes() + b"\xff\xda\xff\xd9" * 99)
    assert jpeg_scans(data + b"\xff\xda\x00\x02" * 99, most=500) == 1


def test_a_file_cut_anywhere_is_counted_to_its_end(
    arrow: Image.Image, encoded: Encoded
) -> None:
    data = encoded(arrow, "JPEG", progressive=True)
    counts = [jpeg_scans(data[:end], most=99) for end in range(len(data))]
    assert counts == sorted(counts)
    assert (counts[0], counts[-1]) == (0, 10)


def test_thousands_of_scans_are_refused_from_the_header() -> None:
    limits = Limits(max_decode_s=600)  # it is not the time that ends it
    with pytest.raises(TooLargeError, match="more than 500 scans"):
        _ = ImageFile(repeated_scans(2000), limits=limits).info


def test_a_large_image_may_have_fewer_scans_than_a_small_one() -> None:
    few = repeated_scans(100)
    assert ImageFile(few).image.size == (64, 64)
    with pytest.raises(TooLargeError, match="more than 20 scans"):
        Limits().check_scans(100, 14_000, 14_000)
    for most in (20, 10):
        Limits().check_scans(most, 14_000, 14_000)
