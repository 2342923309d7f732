"""Finds the file of an image, or says why there is none."""

from pathlib import Path

from ambience.catalog import ImageRecord
from ambience.core.errors import NotFoundError
from ambience.ingest import Originals


def file_of(record: ImageRecord, originals: Originals) -> Path:
    """Return where the file of an image is.

    Raises:
        NotFoundError: If it was not kept, or is gone.
    """
    file = originals.file_of(record)
    if file is None:
        raise NotFoundError(
            f"the file of image {record.image_id} was not kept: only its features"
        )
    if not file.exists():
        raise NotFoundError(
            f"the file of image {record.image_id} is no longer at {file}"
        )
    return file
