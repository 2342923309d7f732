"""What the catalog knows about one image."""

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Row

from ambience.core.features import ImageId


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """One image.

    Attributes:
        image_id: Its key.
        sha256: The hash of the file, 32 bytes.
        byte_count: The size of the file.
        size: ``(height, width)`` in pixels, as displayed.
        format: The format of the file, such as ``"jpeg"``.
        shown_at: When it was taken; if unknown, when the file was last changed; if
            there is no file, when it was added. Local time, as cameras write it.
        added_at: When we first saw it, UTC.
        path: The user's file, ``None`` if there is none.
        original: Our own copy, relative to ``originals/``, ``None`` if there is none.
        modified_ns: When the user's file was last changed, in nanoseconds since 1970.
        missing: Whether the user's file is gone.
    """

    image_id: ImageId
    sha256: bytes
    byte_count: int
    size: tuple[int, int]
    format: str
    shown_at: datetime
    added_at: datetime
    path: Path | None = None
    original: str | None = None
    modified_ns: int | None = None
    missing: bool = False


@dataclass(frozen=True, slots=True)
class KnownFile:
    """What is needed to see that a user's file has not changed."""

    image_id: ImageId
    byte_count: int
    modified_ns: int | None
    missing: bool


def record(row: Row[*tuple[Any, ...]]) -> ImageRecord:
    """Return the record in a row of the table of images."""
    (
        i,
        path,
        original,
        sha256,
        size,
        height,
        width,
        kind,
        shown,
        changed,
        added,
        gone,
    ) = row
    return ImageRecord(
        image_id=ImageId(i),
        sha256=sha256,
        byte_count=size,
        size=(height, width),
        format=kind,
        shown_at=datetime.fromisoformat(shown),
        added_at=datetime.fromisoformat(added),
        path=None if path is None else Path(os.fsdecode(path)),
        original=original,
        modified_ns=changed,
        missing=bool(gone),
    )


def values(image: ImageRecord) -> dict[str, object]:
    """Return a record as a row of the table of images."""
    height, width = image.size
    return {
        "image_id": image.image_id,
        "path": None if image.path is None else os.fsencode(image.path),
        "original": image.original,
        "sha256": image.sha256,
        "byte_count": image.byte_count,
        "height": height,
        "width": width,
        "format": image.format,
        "shown_at": image.shown_at.isoformat(),
        "modified_ns": image.modified_ns,
        "added_at": image.added_at.isoformat(),
        "missing": int(image.missing),
    }
