"""Images on their way in: decoded once, with all that is needed of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ambience.core.features import ImageId
from ambience.imaging import ImageInfo


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """What is left of a file once it has been decoded.

    Attributes:
        sha256: Of the file.
        byte_count: Of the file.
        info: What its header says.
        thumbnail: An encoded one.
        extracted: By service name, what `HoldsImages.extract` returned.
    """

    sha256: bytes
    byte_count: int
    info: ImageInfo
    thumbnail: bytes
    extracted: Mapping[str, object]


@dataclass(frozen=True, slots=True, eq=False)
class Arrival:
    """An image on its way in.

    Attributes:
        image_id: Its key; one that is known is replaced.
        prepared: What it holds.
        path: The user's file, if it is one.
        modified_ns: When that was last changed.
        upload: The bytes of one that has no file of the user's.
        keep: Whether the upload is kept as an original.
        is_new: The key was reserved for it: no image may have it yet.
    """

    image_id: ImageId
    prepared: Prepared
    path: Path | None = None
    modified_ns: int | None = None
    upload: bytes = b""
    keep: bool = False
    is_new: bool = False
