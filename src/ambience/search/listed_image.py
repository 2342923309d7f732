"""An image in a list of duplicates, with what is known about its file."""

from dataclasses import dataclass
from pathlib import Path

from ambience.core.features import ImageId


@dataclass(frozen=True, slots=True)
class ListedImage:
    """One image of a library, or one file of a folder.

    Attributes:
        image_id: Its id in the library; for a folder, its number in the walk.
        path: Its file; ``None`` if no file was kept.
        size: ``(height, width)`` in pixels, as displayed.
        byte_count: The size of the file in bytes.
        format: The format of the file, such as ``"jpeg"``.
        sha256: The hash of the file, 32 bytes.
        modified_ns: When the file was last changed, in nanoseconds since 1970, if
            known.
        missing: Whether the file no longer exists.
    """

    image_id: ImageId
    path: Path | None
    size: tuple[int, int]
    byte_count: int
    format: str
    sha256: bytes
    modified_ns: int | None = None
    missing: bool = False
