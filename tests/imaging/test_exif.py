"""When a picture was taken, and which way is up, as far as its file says."""

from collections.abc import Mapping
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ambience.imaging import ImageFile
from ambience.imaging.exif import Exif, read_exif
from ambience.imaging.gif_frames import gif_frames
from tests.imaging.conftest import Encoded

ORIGINAL, DIGITIZED, CHANGED, CAMERA = 0x9003, 0x9004, 0x0132, 0x8769


def exif_block(main: Mapping[int, object], camera: Mapping[int, object]) -> bytes:
    exif = Image.Exif()
    exif.update(main)
    exif.get_ifd(CAMERA).update(camera)
    return exif.tobytes()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "HEIC", "TIFF"])
def test_the_moment_it_was_taken_is_read(
    kind: str, arrow: Image.Image, encoded: Encoded
) -> None:
    dates = {ORIGINAL: "2019:05:06 07:08:09", DIGITIZED: "2020:01:01 00:00:00"}
    block = exif_block({CHANGED: "2021:01:01 00:00:00"}, dates)
    info = ImageFile(encoded(arrow, kind, exif=block)).info
    assert info.taken_at == datetime.fromisoformat("2019-05-06 07:08:09")


@pytest.mark.parametrize(
    ("main", "camera", "year"),
    [
        ({CHANGED: "2021:01:01 00:00:00"}, {DIGITIZED: "2020:01:01 00:00:00"}, 2020),
        ({CHANGED: "2021:01:01 00:00:00"}, {ORIGINAL: "0000:00:00 00:00:00"}, 2021),
        ({CHANGED: "2021:01:01 00:00:00"}, {}, 2021),
        ({CHANGED: "yesterday"}, {ORIGINAL: "2020:13:45 99:00:00"}, None),
        ({CHANGED: "0001:01:01 00:00:00"}, {ORIGINAL: "    :  :     :  :  "}, None),
        ({}, {}, None),
    ],
)
def test_dates_that_make_no_sense_are_passed_over(
    main: dict[int, object], camera: dict[int, object], year: int | None
) -> None:
    taken_at = read_exif(exif_block(main, camera)).taken_at
    assert (taken_at.year if taken_at else None) == year


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_orientations_that_do_not_exist_are_upright(orientation: int) -> None:
    assert read_exif(exif_block({0x0112: orientation}, {})).orientation == 1


@given(st.binary(max_size=300))
@settings(deadline=None)
def test_any_bytes_at_all_are_read_without_harm(noise: bytes) -> None:
    block = b"II*\x00\x08\x00\x00\x00" + noise
    assert read_exif(block).orientation in range(1, 9)
    assert 1 <= gif_frames(b"GIF89a" + noise, most=50) <= 50


def test_no_exif_is_upright_and_undated() -> None:
    assert read_exif(b"") == Exif(orientation=1, taken_at=None)
