"""The decoder of each format, with its exceptions translated to our errors."""

import importlib
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from typing import Any, Final, TypeAlias

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
)

from ambience.core.errors import (
    BadInputError,
    TooLargeError,
    TruncatedImageError,
    UnsupportedImageError,
)
from ambience.core.file_descriptors import is_shortage
from ambience.imaging.formats import Format
from ambience.imaging.webp import WebPFile

Decoder: TypeAlias = ImageFile.ImageFile
"""A file whose header has been read; its pixels are read on demand."""

_PILLOW: Final = r"PIL\."
_CAN_NOT_WORDS: Final = re.compile(
    r"unsupported|not (yet )?supported|cannot handle|unknown|no codec|unimplemented",
    re.IGNORECASE,
)
_MAX_TEXT_BYTES: Final = 16 * 2**20  # editing histories in a PNG pass Pillow's 1 MiB
_NEW_SUBFILE_TYPE, _SUB_DIRECTORIES, _DNG_VERSION = 254, 330, 50706  # TIFF tags


def decoder(data: bytes, kind: Format) -> Decoder:
    """Return the decoder of a format with the header read; raises nearly anything.

    The class is used directly instead of ``Image.open``, so that no other decoder sees
    the bytes. Pillow's own pixel limit is replaced by `Limits`. Its warnings are
    silenced permanently, because ``catch_warnings`` isn't thread-safe.
    """
    Image.MAX_IMAGE_PIXELS = None
    PngImagePlugin.MAX_TEXT_CHUNK = _MAX_TEXT_BYTES
    if ("ignore", None, Warning, re.compile(_PILLOW), 0) not in warnings.filters:
        warnings.filterwarnings("ignore", module=_PILLOW)
    return _DECODERS[kind](BytesIO(data))


@contextmanager
def memory_translated(kind: Format) -> Iterator[None]:
    """Turn a lack of memory into a `TooLargeError`."""
    try:
        yield
    except MemoryError as error:
        message = (
            f"the {kind.label} needs more memory than there is: "
            "make it smaller, or lower limits.max_megapixels"
        )
        raise TooLargeError(message) from error


@contextmanager
def damage_translated(kind: Format) -> Iterator[None]:
    """Turn whatever a decoder raises on damaged bytes into one of our errors."""
    try:
        with memory_translated(kind):
            yield
    except BadInputError:
        raise
    except Exception as error:  # decoders raise nearly anything on hostile bytes
        if is_shortage(error):  # not the fault of the bytes
            raise
        if isinstance(error.__cause__, KeyError) or _CAN_NOT_WORDS.search(str(error)):
            message = (
                f"this variant of {kind.label} can't be read here: "
                "save it as JPEG or PNG and use that"
            )
            raise UnsupportedImageError(message) from error
        message = (
            f"the {kind.label} is damaged or ends early; it may not have been "
            "downloaded completely: download it again"
        )
        raise TruncatedImageError(message) from error


class _Jpeg(JpegImagePlugin.JpegImageFile):
    """A JPEG decoder that ignores EXIF, which `read_exif` reads safely."""

    def getexif(self) -> Image.Exif:
        return Image.Exif()


class _Tiff(TiffImagePlugin.TiffImageFile):
    """A TIFF decoder that keeps pixels as stored; they are turned after scaling."""

    def _setup(self) -> None:
        super()._setup()
        self._size = self._tile_size

    def load_end(self) -> None:
        pass


def _tiff(file: BytesIO) -> Decoder:
    """Refuse camera RAW files, whose first directory is only a preview."""
    picture = _Tiff(file)
    tags = picture.tag_v2
    preview = bool(tags.get(_NEW_SUBFILE_TYPE, 0) & 1) and _SUB_DIRECTORIES in tags
    if preview or _DNG_VERSION in tags:
        message = "a camera RAW file can't be read here: export it as JPEG and use that"
        raise UnsupportedImageError(message)
    return picture


def _heic(file: BytesIO) -> Decoder:
    pillow_heif: Any = importlib.import_module("pillow_heif")  # rarely needed
    picture: Decoder = pillow_heif.HeifImageFile(file)
    return picture


_DECODERS: Final[Mapping[Format, Callable[[BytesIO], Decoder]]] = {
    Format.JPEG: _Jpeg,
    Format.PNG: PngImagePlugin.PngImageFile,
    Format.WEBP: WebPFile,
    Format.GIF: GifImagePlugin.GifImageFile,
    Format.BMP: BmpImagePlugin.BmpImageFile,
    Format.TIFF: _tiff,
    Format.AVIF: AvifImagePlugin.AvifImageFile,
    Format.HEIC: _heic,
}
