"""One upload or file, shared by every service of the process and decoded once."""

import hashlib
from threading import Lock

from ambience.core.errors import BadInputError
from ambience.core.features import Image
from ambience.imaging.decoding import working_image
from ambience.imaging.limits import DEFAULT_LIMITS, Limits
from ambience.imaging.opening import ImageInfo, Opened, open_image


class ImageFile:
    """The bytes of one image and what is learnt from them, each thing at most once.

    Any thread may ask for anything at any time. Files that can't be read raise the
    same error at every question: `NotAnImageError`, `UnsupportedImageError`,
    `TruncatedImageError` or `TooLargeError`.

    Args:
        data: The whole file.
        limits: What it may cost.
    """

    def __init__(self, data: bytes, *, limits: Limits = DEFAULT_LIMITS) -> None:
        self.data = data
        self.limits = limits
        self._lock = Lock()
        self._sha256: bytes | None = None
        self._opened: Opened | None = None
        self._info: ImageInfo | None = None
        self._image: Image | None = None
        self._failure: BadInputError | None = None

    @property
    def sha256(self) -> bytes:
        """The hash of the file's bytes, 32 bytes; known for any bytes at all."""
        if self._sha256 is None:  # two threads at once would find the same
            self._sha256 = hashlib.sha256(self.data).digest()
        return self._sha256

    @property
    def info(self) -> ImageInfo:
        """What the header says; no pixel is decoded for it."""
        with self._lock:
            return self._read_info()

    @property
    def image(self) -> Image:
        """The image at working size."""
        with self._lock:
            if self._image is None:
                self._read_info()
                self._image = self._decoded()
            return self._image

    def _read_info(self) -> ImageInfo:
        self._raise_failure()
        if self._info is None:
            try:
                self._opened = open_image(self.data, self.limits)
            except BadInputError as error:
                self._failure = error
                raise
            self._info = self._opened.info
        return self._info

    def _decoded(self) -> Image:
        self._raise_failure()
        opened = self._opened or open_image(self.data, self.limits)
        self._opened = None  # used up, and its buffers are free
        try:
            return working_image(opened)
        except BadInputError as error:
            self._failure = error
            raise

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise type(self._failure)(*self._failure.args) from self._failure
