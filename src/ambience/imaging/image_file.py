"""One upload or file, shared by every service of the process and decoded once."""

import hashlib
from collections.abc import Collection
from threading import Lock

from ambience.core.cancellation import current_caller
from ambience.core.errors import BadInputError
from ambience.core.features import WORKING_SIDE, Image
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
        sides: Sizes that will be asked of `at`, beside that of `image`: one decode
            makes them all.
    """

    def __init__(
        self,
        data: bytes,
        *,
        limits: Limits = DEFAULT_LIMITS,
        sides: Collection[int] = (),
    ) -> None:
        self.data = data
        self.limits = limits
        self._caller = current_caller()
        self._lock = Lock()
        self._sha256: bytes | None = None
        self._info: ImageInfo | None = None
        self._sides = {WORKING_SIDE, *sides}
        self._images: dict[int, Image | BadInputError] = {}

    @property
    def sha256(self) -> bytes:
        """The hash of the file's bytes, 32 bytes; known for any bytes at all."""
        if self._sha256 is None:  # two threads at once would find the same
            self._sha256 = hashlib.sha256(self.data).digest()
        return self._sha256

    @property
    def info(self) -> ImageInfo:
        """What the header says; known also where the pixels can't be read."""
        with self._lock:
            image = self._made(WORKING_SIDE)
        if self._info is not None:
            return self._info
        if isinstance(image, BadInputError):
            raise _again(image)
        raise TypeError("an image without a header")

    @property
    def image(self) -> Image:
        """The image at the usual working size."""
        return self.at(WORKING_SIDE)

    def at(self, side: int) -> Image:
        """Return the image scaled down to a longest side, in pixels.

        The size is made as `working_images` says; one that nobody told of before takes
        another decode.
        """
        with self._lock:
            image = self._made(side)
        if isinstance(image, BadInputError):
            raise _again(image)
        return image

    def _made(self, side: int) -> Image | BadInputError:
        if not self._images:
            self._read({side, *self._sides})
        elif side not in self._images:
            usual = self._images[WORKING_SIDE]
            if isinstance(usual, BadInputError):  # would take as long to fail again
                return usual
            self._read({side})
        return self._images[side]

    def _read(self, sides: Collection[int]) -> None:
        """Read header and pixels at once: each would take a way to another process."""
        info, images = read(
            self.data, sides=sides, limits=self.limits, caller=self._caller
        )
        self._info = self._info or info
        if isinstance(images, BadInputError):
            self._images |= dict.fromkeys(sides, images)
        else:
            self._images |= images


def _again(failure: BadInputError) -> BadInputError:
    """Return an error to raise where others may be raising the same one."""
    error = type(failure)(*failure.args)
    error.__cause__ = failure
    return error
