"""How large an image may be, checked from its header before memory is spent."""

from dataclasses import dataclass

from ambience.core.errors import TooLargeError

MEGA = 1_000_000
MEBI = 2**20


@dataclass(frozen=True, slots=True)
class Limits:
    """What one file may cost.

    Attributes:
        max_bytes: Bytes of the file.
        max_megapixels: Millions of pixels of its first frame.
        max_frames: Frames of an animation, pages of a document.
    """

    max_bytes: int = 200 * MEBI  # an uncompressed 60 megapixel TIFF has 180 MB
    max_megapixels: float = 200.0  # the largest phone sensors have 199.8
    max_frames: int = 10_000  # five minutes at 30 frames a second

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


DEFAULT_LIMITS = Limits()
