"""The limits on what an image may cost; most are checked in its header."""

from dataclasses import dataclass

from ambience.core.errors import TooLargeError

MEGA = 1_000_000
MEBI = 2**20

# The tools of libjpeg-turbo treat more scans as an attack; common files have about 10.
_MAX_SCANS = 500
# Each scan passes over all pixels and takes 4 ns per pixel, so this takes 16 s. It
# allows 20 scans of the largest image, and 333 of 12 megapixels.
_MAX_SCANNED_MEGAPIXELS = 4000
_ALWAYS_SCANS = 20  # allowed at any size: encoders make no more


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits for one file.

    Attributes:
        max_bytes: Size of the file in bytes.
        max_megapixels: Millions of pixels in its first frame.
        max_frames: Frames of an animation, or pages of a document.
        max_decode_s: Seconds from the first byte of the header to the last pixel,
            without the time it waits for its turn.
        decoding_bytes: Total memory of all decodes at the same time, in bytes.
    """

    max_bytes: int = 200 * MEBI  # an uncompressed 60 megapixel TIFF has 180 MB
    max_megapixels: float = 200.0  # the largest phone sensors have 199.8
    max_frames: int = 10_000  # five minutes at 30 frames a second
    max_decode_s: float = 30.0  # 200 megapixels take 2 to 15, by format
    decoding_bytes: int = 2048 * MEBI  # 200 megapixels of color and opacity: 1,600

    def check_bytes(self, size_bytes: int) -> None:
        """Raise `TooLargeError` for a file of more bytes than allowed."""
        if size_bytes > self.max_bytes:
            message = (
                f"the file has {size_bytes / MEBI:,.1f} MiB, more than the limit of "
                f"{self.max_bytes / MEBI:,.1f}: raise limits.max_file_mib"
            )
            raise TooLargeError(message)

    def check_size(self, height: int, width: int) -> None:
        """Raise `TooLargeError` for a frame of more pixels than allowed."""
        megapixels = height * width / MEGA
        if megapixels > self.max_megapixels:
            message = (
                f"the image has {megapixels:,.1f} megapixels ({width} x {height}), "
                f"more than the limit of {self.max_megapixels:,g}: "
                "raise limits.max_megapixels"
            )
            raise TooLargeError(message)

    def check_frames(self, frames: int) -> None:
        """Raise `TooLargeError` for more frames than allowed."""
        if frames > self.max_frames:
            message = (
                f"the image has more than {self.max_frames:,} frames: "
                "raise limits.max_frames"
            )
            raise TooLargeError(message)

    def max_scans(self, height: int, width: int) -> int:
        """Return how many scans a JPEG of this size may have."""
        scanned = _MAX_SCANNED_MEGAPIXELS * MEGA // max(1, height * width)
        return min(_MAX_SCANS, max(_ALWAYS_SCANS, int(scanned)))

    def check_scans(self, scans: int, height: int, width: int) -> None:
        """Raise `TooLargeError` for a JPEG of more scans than its size allows."""
        most = self.max_scans(height, width)
        if scans > most:
            message = (
                f"the JPEG has more than {most} scans, each of which is another pass "
                "over the image: save it again with 1 scan, or with the usual 10"
            )
            raise TooLargeError(message)


DEFAULT_LIMITS = Limits()
