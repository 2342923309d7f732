"""Recognizes file formats by their first bytes, never by a file name."""

from enum import StrEnum

from ambience.core.errors import NotAnImageError, UnsupportedImageError

EXTENSIONS = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".gif"}
    | {".bmp", ".dib", ".tif", ".tiff", ".avif", ".heic", ".heif", ".hif"}
)
"""Lower-case extensions of the files that a walk over folders includes."""

_BMP_HEADER_BYTES = (12, 16, 40, 52, 56, 64, 108, 124)  # one per version of the header


class Format(StrEnum):
    """The file formats that can be read."""

    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"
    GIF = "gif"
    BMP = "bmp"
    TIFF = "tiff"
    AVIF = "avif"
    HEIC = "heic"

    @property
    def label(self) -> str:
        """The name as written in a sentence."""
        return "WebP" if self is Format.WEBP else self.value.upper()

    @property
    def media_type(self) -> str:
        """The media type in HTTP headers."""
        return f"image/{self.value}"

    @property
    def in_browsers(self) -> bool:
        """Whether every current browser shows this format."""
        return self not in {Format.TIFF, Format.HEIC}


_SIGNATURES: tuple[tuple[bytes, int, tuple[bytes, ...], Format], ...] = (
    # the first bytes, a position, the bytes allowed there, and the format
    (b"\xff\xd8\xff", 0, (b"",), Format.JPEG),
    (b"\x89PNG\r\n\x1a\n", 0, (b"",), Format.PNG),
    (b"RIFF", 8, (b"WEBP",), Format.WEBP),
    (b"GIF8", 4, (b"7a", b"9a"), Format.GIF),
    (b"BM", 14, tuple(bytes([n, 0, 0, 0]) for n in _BMP_HEADER_BYTES), Format.BMP),
    (b"II", 2, (b"*\x00", b"+\x00"), Format.TIFF),  # the second is BigTIFF
    (b"MM", 2, (b"\x00*", b"\x00+"), Format.TIFF),
)
_HEIC_BRANDS = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
)
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_NEUTRAL_BRANDS = frozenset({b"mif1", b"msf1", b"mif2"})  # for any codec

_UNSUPPORTED: tuple[tuple[bytes, str], ...] = (
    (b"II*\x00\x10\x00\x00\x00CR", "a camera RAW file"),
    (b"%PDF", "a PDF document"),
    (b"%!PS", "a PostScript file"),
    (b"\xc5\xd0\xd3\xc6", "a PostScript file"),
    (b"8BPS", "a Photoshop file"),
    (b"gimp xcf", "a GIMP file"),
    (b"\x00\x00\x00\x0cjP  ", "a JPEG 2000 image"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 image"),
    (b"\x00\x00\x00\x0cJXL ", "a JPEG XL image"),
    (b"\xff\x0a", "a JPEG XL image"),
    (b"FUJIFILMCCD-RAW", "a camera RAW file"),
    (b"IIU\x00", "a camera RAW file"),
    (b"IIRO", "a camera RAW file"),
    (b"IIRS", "a camera RAW file"),
    (b"FOVb", "a camera RAW file"),
    (b"\x76\x2f\x31\x01", "an OpenEXR image"),
    (b"#?RADIANCE", "a Radiance image"),
    (b"DDS ", "a DDS texture"),
    (b"qoif", "a QOI image"),
    (b"\x00\x00\x01\x00", "an icon"),
    (b"\x00\x00\x02\x00", "a cursor"),
    (b"\x1aE\xdf\xa3", "a video"),
    (b"FLV\x01", "a video"),
    (b"\x00\x00\x01\xba", "a video"),
)
_OTHER: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"ID3", "sound"),
    (b"OggS", "sound"),
    (b"SQLite format 3\x00", "a database"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
)
_LOOKED_AT_BYTES = 4096  # SVG and HTML may start with comments and declarations


def sniff(data: bytes) -> Format:
    """Return the format of a file.

    Raises:
        NotAnImageError: If the bytes are not an image; the sentence says what they look
            like.
        UnsupportedImageError: If this kind of image, document or video can't be read
            here.
    """
    if not data:
        message = "the file is empty: choose another, or copy it again"
        raise NotAnImageError(message)
    if data[4:8] == b"ftyp":
        return _sniff_boxes(data)
    for start, name in _UNSUPPORTED:
        if data.startswith(start):
            raise _unsupported(name)
    for start, at, more, kind in _SIGNATURES:
        if data.startswith(start) and data.startswith(more, at):
            return kind
    raise _not_an_image(data)


def _sniff_boxes(data: bytes) -> Format:
    """Return the format of a file built from ISO media boxes, by its brands."""
    end = min(int.from_bytes(data[:4], "big"), len(data), _LOOKED_AT_BYTES)
    major = data[8:12]
    brands = {major, *(data[at : at + 4] for at in range(16, end - 3, 4))}
    if major in _NEUTRAL_BRANDS or major in _HEIC_BRANDS | _AVIF_BRANDS:
        if major in _AVIF_BRANDS or (
            major in _NEUTRAL_BRANDS and brands & _AVIF_BRANDS
        ):
            return Format.AVIF
        return Format.HEIC
    raise _unsupported("a camera RAW file" if major == b"crx " else "a video")


def _unsupported(name: str) -> UnsupportedImageError:
    return UnsupportedImageError(
        f"{name} can't be read here: save it as JPEG or PNG and use that"
    )


def _not_an_image(data: bytes) -> NotAnImageError | UnsupportedImageError:
    head = data[:_LOOKED_AT_BYTES]
    lower = head.lower()
    if b"<svg" in lower:
        return _unsupported("an SVG drawing")
    guess = next((name for start, name in _OTHER if data.startswith(start)), "")
    if b"<html" in lower or lower.lstrip().startswith(b"<!doctype html"):
        guess = "a web page, perhaps instead of a download"
    elif not guess and b"\x00" not in head and _is_text(head):
        guess = "text"
    hint = f" ({guess}?)" if guess else ""
    return NotAnImageError(f"this is not an image{hint}: choose an image file")


def _is_text(head: bytes) -> bool:
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start >= _LOOKED_AT_BYTES - 3  # only the last character was cut
    return True
