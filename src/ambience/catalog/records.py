"""What the catalog knows of one image."""

import os
import sqlite3
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ambience.core.features import ImageId


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """One image.

    Attributes:
        image_id: Its key.
        sha256: 32 bytes, of the file.
        byte_count: Of the file.
        size: ``(height, width)`` in pixels, as displayed.
        format: Of the file, such as ``"jpeg"``.
        shown_at: When it was taken, else when the file was last changed, else when it
            was added. Local time, as cameras write it.
        added_at: When we first saw it, UTC.
        path: The user's file, ``None`` if there is none.
        original: Our own copy, relative to ``originals/``, ``None`` if there is none.
        modified_ns: When the user's file was last changed, nanoseconds since 1970.
        missing: The user's file is no longer there.
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
    """What is enough to see that a user's file has not changed."""

    image_id: ImageId
    byte_count: int
    modified_ns: int | None
    missing: bool


COLUMNS = (
    "image_id, path, original, sha256, byte_count, height, width, format, shown_at, "
    "modified_ns, added_at, missing"
)


def record(row: sqlite3.Row) -> ImageRecord:
    """Return the record in a row of `COLUMNS`."""
    return ImageRecord(
        image_id=ImageId(row["image_id"]),
        sha256=row["sha256"],
        byte_count=row["byte_count"],
        size=(row["height"], row["width"]),
        format=row["format"],
        shown_at=datetime.fromisoformat(row["shown_at"]),
        added_at=datetime.fromisoformat(row["added_at"]),
        path=None if row["path"] is None else Path(os.fsdecode(row["path"])),
        original=row["original"],
        modified_ns=row["modified_ns"],
        missing=bool(row["missing"]),
    )


def values(image: ImageRecord) -> tuple[object, ...]:
    """Return a record as values for `COLUMNS`."""
    return (
        image.image_id,
        None if image.path is None else os.fsencode(image.path),
        image.original,
        image.sha256,
        image.byte_count,
        *image.size,
        image.format,
        image.shown_at.isoformat(),
        image.modified_ns,
        image.added_at.isoformat(),
        int(image.missing),
    )
