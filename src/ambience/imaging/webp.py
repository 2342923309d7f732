"""Reads WebP files with less memory than Pillow's own reader.

That one allocates the pixels four times when it opens a file, and keeps most of that
while it decodes. This one first reads only the chunks of the header. Layout: RFC 9649,
section 2.
"""

from io import BytesIO
from typing import Any, Final

from PIL import ImageFile, _webp

_FIRST_CHUNK: Final = 12
_CHUNK_HEADER: Final = 8
_KEPT: Final = {b"ICCP": "icc_profile", b"EXIF": "exif"}


class WebPFile(ImageFile.ImageFile):
    """A WebP file, of which only the first frame is decoded."""

    format = "WEBP"
    format_description = "WebP image"

    def _open(self) -> None:
        if self.fp is None:
            raise ValueError("no file")
        self._data = self.fp.read()
        self._size = size(self._data)
        self._mode = "RGBA"  # until the pixels are read
        self.n_frames = 0
        at, end = _FIRST_CHUNK, len(self._data)
        while at + _CHUNK_HEADER <= end:
            name, start = self._data[at : at + 4], at + _CHUNK_HEADER
            length = _little(self._data[at + 4 : start])
            if name == b"ANMF":
                self.n_frames += 1
            elif name in _KEPT:
                self.info[_KEPT[name]] = self._data[start : start + length]
            at = start + length + length % 2
        self.n_frames = max(1, self.n_frames)

    def load(self) -> Any:
        """Decode the pixels if that is not done yet; raises nearly anything."""
        if self._data:
            decoder = _webp.WebPAnimDecoder(self._data)
            canvas, _, _, _, raw_mode = decoder.get_info()
            frame = decoder.get_next()
            del decoder  # frees its two canvases
            if frame is None or canvas != self._size:
                raise EOFError("there is no frame of the size in the header")
            self._data = b""
            self._mode = "RGB" if raw_mode == "RGBX" else raw_mode
            self.fp = BytesIO(frame[0])
            self.tile = [ImageFile._Tile("raw", (0, 0, *canvas), 0, raw_mode)]  # noqa: SLF001 -- as Pillow's own decoders do
        return super().load()

    def load_seek(self, pos: int) -> None:
        """Do nothing: the file in memory holds nothing but the pixels."""


def size(data: bytes) -> tuple[int, int]:
    """Return ``(width, height)`` from the first chunk; zeros if it is cut off."""
    match data[12:16]:
        case b"VP8X":
            return _little(data[24:27]) + 1, _little(data[27:30]) + 1
        case b"VP8L":
            bits = _little(data[21:25])
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case _:
            return _little(data[26:28]) & 0x3FFF, _little(data[28:30]) & 0x3FFF


def _little(number: bytes) -> int:
    return int.from_bytes(number, "little")
