"""Which kind of file the bytes are."""

import pytest
from PIL import Image

from ambience.core.errors import NotAnImageError, UnsupportedImageError
from ambience.imaging import EXTENSIONS, Format, ImageFile, sniff
from tests.imaging.conftest import Encoded

KINDS = ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIC"]


@pytest.mark.parametrize("kind", KINDS)
def test_content_names_the_format(
    kind: str, arrow: Image.Image, encoded: Encoded
) -> None:
    assert sniff(encoded(arrow, kind)) == Format(kind.lower())


def test_a_heif_with_neutral_brands_is_told_by_its_other_brands() -> None:
    box = b"\x00\x00\x00\x18ftypmif1\x00\x00\x00\x00mif1"
    assert sniff(box + b"avif") is Format.AVIF
    assert sniff(box + b"heic") is Format.HEIC


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"%PDF-1.7 ...", "PDF"),
        (b"8BPS\x00\x01", "Photoshop"),
        (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
        (b"%!PS-Adobe-3.0 EPSF-3.0", "PostScript"),
        (b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00", "video"),
        (b"\x1aE\xdf\xa3\x01\x00", "video"),
        (b"\x00\x00\x00\x18ftypcrx \x00\x00\x00\x01", "RAW"),
        (b"II*\x00\x10\x00\x00\x00CR\x02\x00", "RAW"),
        (b"\x00\x00\x00\x0cJXL \r\n", "JPEG XL"),
        (b"\x00\x00\x01\x00\x01\x00", "icon"),
    ],
)
def test_known_kinds_that_are_not_read_are_named(data: bytes, word: str) -> None:
    with pytest.raises(UnsupportedImageError, match=word):
        _ = ImageFile(data).info


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"", "empty"),
        (b"hello, this is a letter", "text"),
        (b"<!DOCTYPE html><html><body>404</body></html>", "web page"),
        (b"PK\x03\x04\x14\x00", "ZIP"),
        (b"BM is how this text begins", "text"),
        (bytes(range(128, 256)), "not an image"),
        (b"\x00", "not an image"),
    ],
)
def test_other_bytes_are_not_an_image(data: bytes, word: str) -> None:
    with pytest.raises(NotAnImageError, match=word):
        _ = ImageFile(data).info


def test_a_camera_raw_file_is_not_taken_for_its_preview(
    arrow: Image.Image, encoded: Encoded
) -> None:
    data = encoded(arrow, "TIFF", tiffinfo={50706: b"\x01\x04\x00\x00"})
    with pytest.raises(UnsupportedImageError, match="RAW"):
        _ = ImageFile(data).info


def test_extensions_are_lower_case_and_start_with_a_dot() -> None:
    assert {".jpg", ".png", ".webp", ".gif", ".tif", ".avif", ".heic"} <= EXTENSIONS
    assert all(name.startswith(".") and name == name.lower() for name in EXTENSIONS)


def test_tiff_and_heic_are_the_ones_browsers_do_not_show() -> None:
    hidden = {kind for kind in Format if not kind.in_browsers}
    assert hidden == {Format.TIFF, Format.HEIC}
    assert Format.JPEG.media_type == "image/jpeg"
