"""An image in a list of duplicates: what is known of its file."""

from dataclasses import dataclass
from pathlib import Path

from ambience.core.features import ImageId


@dataclass(frozen=True, slots=True)
class ListedImage:
    """One image of a library, or one file of a folder.

    Attributes:
        image_id: Its key in the library; in a folder, its place in the walk.
        path: The file that holds it; ``None`` if none was kept.
        size: ``(height, width)`` in pixels, as displayed.
        byte_count: Of the file.
        format: Of the file, such as ``"jpeg"``.
        sha256: Of the file, 32 bytes.
        modified_ns: When the file was last changed, nanoseconds since 1970, if known.
        missing: The file is no longer there.
    """

    image_id: ImageId
    path: Path | None
    size: tuple[int, int]
    byte_count: int
    format: str
    sha256: bytes
    modified_ns: int | None = None
    missing: bool = False
