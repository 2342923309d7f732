"""Hostile bytes end in one of four errors with a sentence, and cost little memory."""

import random
import resource
import struct
import zlib
from collections.abc import Callable

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from ambience.core.errors import (
    BadInputError,
    NotAnImageError,
    TooLargeError,
    TruncatedImageError,
    UnsupportedImageError,
)
from ambience.imaging import Format, ImageFile, Limits, full_pixels, rendition
from ambience.imaging.decoders import damage_translated
from tests.imaging.conftest import Encoded

ERRORS = (NotAnImageError, UnsupportedImageError, TruncatedImageError, TooLargeError)
SMALL = Limits(max_megapixels=1)
CUTS = 60
DAMAGES = 60

VARIANTS: dict[str, tuple[str, str, dict[str, object]]] = {
    "jpeg": ("RGB", "JPEG", {}),
    "progressive": ("RGB", "JPEG", {"progressive": True}),
    "cmyk": ("CMYK", "JPEG", {}),
    "png": ("RGBA", "PNG", {}),
    "palette": ("P", "PNG", {"transparency": 3}),
    "webp": ("RGB", "WEBP", {}),
    "lossless": ("RGBA", "WEBP", {"lossless": True}),
    "gif": ("RGB", "GIF", {}),
    "bmp": ("RGB", "BMP", {}),
    "tiff": ("RGB", "TIFF", {}),
    "bigtiff": ("RGB", "TIFF", {"big_tiff": True}),
    "float": ("F", "TIFF", {}),
    "avif": ("RGB", "AVIF", {}),
    "heic": ("RGB", "HEIC", {}),
}


def outcome(data: bytes) -> str:
    """Read everything there is; any error but the four is a failure of the test."""
    file = ImageFile(data, limits=SMALL)
    try:
        assert file.image.size == file.info.size
    except ERRORS as error:
        sentence = str(error)
        assert len(sentence) > 20
        assert sentence[0].islower()
        return type(error).__name__
    return "read"


@pytest.fixture(params=VARIANTS)
def whole(
    request: pytest.FixtureRequest, arrow: Image.Image, encoded: Encoded
) -> bytes:
    mode, kind, options = VARIANTS[request.param]
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x0132] = "2020:01:02 03:04:05"
    if kind not in {"GIF", "BMP"}:
        options = {**options, "exif": exif.tobytes()}
    return encoded(arrow.convert(mode), kind, **options)


def test_a_file_cut_anywhere_ends_in_one_of_four_errors(whole: bytes) -> None:
    assert outcome(whole) == "read"
    step = max(1, len(whole) // CUTS)
    outcomes = [outcome(whole[:end]) for end in range(0, len(whole), step)]
    assert outcomes[0] == NotAnImageError.__name__
    assert TruncatedImageError.__name__ in outcomes


def test_a_file_cut_in_half_says_so(arrow: Image.Image, encoded: Encoded) -> None:
    for kind in ("JPEG", "PNG", "WEBP", "BMP", "AVIF", "HEIC"):
        data = encoded(arrow, kind)
        with pytest.raises(TruncatedImageError, match="ends early"):
            _ = ImageFile(data[: len(data) // 2]).image


def test_damaged_bytes_end_in_an_image_or_one_of_four_errors(whole: bytes) -> None:
    chance = random.Random(len(whole))
    for _ in range(DAMAGES):
        data = bytearray(whole)
        for _ in range(chance.choice([1, 2, 8])):
            at = chance.randrange(min(len(data), chance.choice([64, 400, len(data)])))
            match chance.randrange(4):
                case 0:
                    data[at] = chance.randrange(256)
                case 1:
                    data[at] ^= 1 << chance.randrange(8)
                case 2:
                    data[at : at + 4] = chance.choice([b"\xff" * 4, bytes(4)])
                case _:
                    del data[at : at + chance.randrange(1, 9)]
        outcome(bytes(data))


def png(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims a size."""

    def chunk(name: bytes, content: bytes) -> bytes:
        length, checksum = len(content), zlib.crc32(name + content)
        return struct.pack(">I", length) + name + content + struct.pack(">I", checksum)

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + header + pixels + chunk(b"IEND", b"")


def gif(width: int, height: int) -> bytes:
    screen = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(6)
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, width, height, 0)
    return screen + frame + b"\x02\x02\x4c\x01\x00\x3b"


def bmp(width: int, height: int) -> bytes:
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + head


def webp(width: int, height: int) -> bytes:
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    chunk = b"VP8X" + struct.pack("<I", 10) + bytes(4) + size
    return b"RIFF" + struct.pack("<I", len(chunk) + 4) + b"WEBP" + chunk


def tiff(width: int, height: int) -> bytes:
    """A small TIFF of one tile, and only the tile is large."""
    values = {256: 8, 257: 8, 258: 8, 259: 8, 262: 1, 277: 1, 322: width, 323: height}
    values |= {324: 8, 325: 100}
    entries = (struct.pack("<HHII", tag, 4, 1, value) for tag, value in values.items())
    return b"II*\x00\x08\x00\x00\x00\x0a\x00" + b"".join(entries) + bytes(104)


def avif(width: int, height: int) -> bytes:
    start = struct.pack(">I", 20) + b"ftypavif" + bytes(4) + b"avif"
    return start + struct.pack(">I4sIII", 20, b"ispe", 0, width, height)


@pytest.mark.parametrize("make", [png, gif, bmp, webp, tiff, avif])
def test_a_bomb_is_refused_from_its_header(make: Callable[[int, int], bytes]) -> None:
    data = make(60_000, 60_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(TooLargeError, match=r"3,600\.0 megapixels.*max_megapixels"):
        _ = ImageFile(data).info
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert after - before < 20_000  # KiB; the pixels alone would be 10 million


def test_a_jpeg_that_claims_too_much_is_refused(
    arrow: Image.Image, encoded: Encoded
) -> None:
    data = bytearray(encoded(arrow, "JPEG"))
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = b"\xff\xff\xff\xff"
    with pytest.raises(TooLargeError, match="megapixels"):
        _ = ImageFile(bytes(data)).info


def test_a_palette_bomb_of_two_gigapixels_is_refused_by_every_reader() -> None:
    for read in (full_pixels, lambda data: rendition(data, longest_side=100)):
        with pytest.raises(TooLargeError):
            read(png(50_000, 40_000))


def test_limits_can_be_raised_past_pillow_s_own(encoded: Encoded) -> None:
    stripe = encoded(Image.new("1", (65_000, 3_000)), "PNG")  # 195 megapixels
    with pytest.raises(TooLargeError, match="more than the limit of 190"):
        _ = ImageFile(stripe, limits=Limits(max_megapixels=190)).info
    assert ImageFile(stripe).info.size == (3_000, 65_000)


def test_long_texts_in_a_png_do_no_harm(arrow: Image.Image, encoded: Encoded) -> None:
    notes = PngInfo()
    notes.add_itxt("XML:com.adobe.xmp", "history " * 400_000, zip=True)
    assert ImageFile(encoded(arrow, "PNG", pnginfo=notes)).image.size == (64, 96)


def test_bytes_are_limited_before_anything_is_read() -> None:
    with pytest.raises(TooLargeError, match=r"limits\.max_file_mib"):
        _ = ImageFile(bytes(2000), limits=Limits(max_bytes=1000)).info


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_frames_are_limited(kind: str, arrow: Image.Image, encoded: Encoded) -> None:
    frames = [Image.new("RGB", arrow.size, (40 * at, 9, 9)) for at in range(4)]
    data = encoded(arrow, kind, save_all=True, append_images=frames)
    assert ImageFile(data, limits=Limits(max_frames=5)).info.frames == 5
    with pytest.raises(TooLargeError, match=r"more than 4 frames.*max_frames"):
        _ = ImageFile(data, limits=Limits(max_frames=4)).info


def test_corrupt_exif_harms_nothing(arrow: Image.Image, encoded: Encoded) -> None:
    for block in (b"Exif\x00\x00II*\x00\x08\x00\x00\x00\xff\xff", b"Exif\x00\x00MM"):
        file = ImageFile(encoded(arrow, "JPEG", exif=block))
        assert file.image.size == (64, 96)
        assert file.info.taken_at is None


def test_a_loop_of_tiff_pages_ends(arrow: Image.Image, encoded: Encoded) -> None:
    data = bytearray(encoded(arrow, "TIFF"))
    first = int.from_bytes(data[4:8], "little")
    end = first + 2 + 12 * int.from_bytes(data[first : first + 2], "little")
    data[end : end + 4] = first.to_bytes(4, "little")
    assert ImageFile(bytes(data)).info.frames == 1


def test_running_out_of_memory_is_told_apart_from_damage() -> None:
    with pytest.raises(TooLargeError, match="memory"), damage_translated(Format.PNG):
        raise MemoryError


def test_failures_are_bad_input() -> None:
    assert all(issubclass(error, BadInputError) for error in ERRORS)
