"""One uploaded or stored file, decoded once for all services in the process."""

import hashlib
from collections.abc import Collection
from threading import Lock

from ambience.core.cancellation import current_caller
from ambience.core.errors import BadInputError
from ambience.core.features import WORKING_SIDE, Image
from ambience.imaging.decoder_client import decoded_images
from ambience.imaging.image_header import ImageInfo
from ambience.imaging.limits import DEFAULT_LIMITS, Limits


class ImageFile:
    """The bytes of one image, and what is computed from them once on demand.

    Any thread may use it. A file that can't be read raises the same error on every
    access: `NotAnImageError`, `UnsupportedImageError`, `TruncatedImageError`,
    `TooLargeError` or `TooSlowError`. `UnavailableError` means that decoding could not
    be tried.

    The caller that creates it is the one that waits for it, whatever thread uses it.
    Once that caller has left, nothing more is decoded.

    Args:
        data: The whole file.
        limits: What decoding it may cost.
        sides: Sizes that `at` will be asked for, besides that of `image`; one decode
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
        """The SHA-256 hash of the file, 32 bytes; available even if it is no image."""
        if self._sha256 is None:  # two threads at once would get the same
            self._sha256 = hashlib.sha256(self.data).digest()
        return self._sha256

    @property
    def info(self) -> ImageInfo:
        """The header; available even if the pixels can't be read."""
        with self._lock:
            image = self._made(WORKING_SIDE)
        if self._info is not None:
            return self._info
        if isinstance(image, BadInputError):
            raise _copied(image)
        raise TypeError("an image without a header")

    @property
    def image(self) -> Image:
        """The image at the usual working size."""
        return self.at(WORKING_SIDE)

    def at(self, side: int) -> Image:
        """Return the image scaled down to a longest side, in pixels.

        The scaling is that of `working_images`. A size that was not announced takes
        another decode.
        """
        with self._lock:
            image = self._made(side)
        if isinstance(image, BadInputError):
            raise _copied(image)
        return image

    def _made(self, side: int) -> Image | BadInputError:
        if not self._images:
            self._read({side, *self._sides})
        elif side not in self._images:
            usual = self._images[WORKING_SIDE]
            if isinstance(usual, BadInputError):  # trying again would only take time
                return usual
            self._read({side})
        return self._images[side]

    def _read(self, sides: Collection[int]) -> None:
        """Read header and pixels in one round trip to the decoder process."""
        info, images = decoded_images(
            self.data, sides=sides, limits=self.limits, caller=self._caller
        )
        self._info = self._info or info
        if isinstance(images, BadInputError):
            self._images |= dict.fromkeys(sides, images)
        else:
            self._images |= images


def _copied(failure: BadInputError) -> BadInputError:
    """Return a copy of an error, because other threads may be raising it too."""
    error = type(failure)(*failure.args)
    error.__cause__ = failure
    return error
