"""One upload or file, shared by every service of the process and decoded once."""

import hashlib
from threading import Lock

from ambience.core.cancellation import current_caller
from ambience.core.errors import BadInputError
from ambience.core.features import Image
from ambience.imaging.decodes import read
from ambience.imaging.limits import DEFAULT_LIMITS, Limits
from ambience.imaging.opening import ImageInfo


class ImageFile:
    """The bytes of one image and what is learnt from them, each thing at most once.

    Any thread may ask for anything at any time. Files that can't be read raise the
    same error at every question: `NotAnImageError`, `UnsupportedImageError`,
    `TruncatedImageError`, `TooLargeError` or `TooSlowError`. `UnavailableError` says
    that it could not be tried.

    Whoever makes it is who waits for it, whatever thread asks: once it is gone,
    nothing is decoded any more.

    Args:
        data: The whole file.
        limits: What it may cost.
    """

    def __init__(self, data: bytes, *, limits: Limits = DEFAULT_LIMITS) -> None:
        self.data = data
        self.limits = limits
        self._caller = current_caller()
        self._lock = Lock()
        self._sha256: bytes | None = None
        self._info: ImageInfo | None = None
        self._image: Image | BadInputError | None = None

    @property
    def sha256(self) -> bytes:
        """The hash of the file's bytes, 32 bytes; known for any bytes at all."""
        if self._sha256 is None:  # two threads at once would find the same
            self._sha256 = hashlib.sha256(self.data).digest()
        return self._sha256

    @property
    def info(self) -> ImageInfo:
        """What the header says; known also where the pixels can't be read."""
        image = self._read()
        if self._info is not None:
            return self._info
        if isinstance(image, BadInputError):
            raise _again(image)
        raise TypeError("an image without a header")

    @property
    def image(self) -> Image:
        """The image at working size."""
        image = self._read()
        if isinstance(image, BadInputError):
            raise _again(image)
        return image

    def _read(self) -> Image | BadInputError:
        """Read both at once: each would take a way to another process."""
        with self._lock:
            if self._image is None:
                self._info, self._image = read(
                    self.data, limits=self.limits, caller=self._caller
                )
            return self._image


def _again(failure: BadInputError) -> BadInputError:
    """Return an error to raise where others may be raising the same one."""
    error = type(failure)(*failure.args)
    error.__cause__ = failure
    return error
