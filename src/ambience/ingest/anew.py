"""Extracts a service's features anew, from the files of images."""

import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from ambience.core.errors import AmbienceError, NotFoundError
from ambience.core.features import ImageId
from ambience.imaging import ImageFile, Limits
from ambience.ingest.ahead import ahead
from ambience.ingest.importer import Failure, Progress, Report
from ambience.ingest.writer import Sink

_BATCH = 64  # images a transaction


def extract_anew(
    sink: Sink,
    ids: Sequence[ImageId],
    *,
    file_of: Callable[[ImageId], Path | None],
    limits: Limits,
    on_progress: Callable[[Progress], None],
) -> Report:
    """Give a service the features of images whose file is still there.

    Args:
        sink: The service.
        ids: Of the images.
        file_of: Says where an image's file is, if it has one.
        limits: What an image may cost.
        on_progress: Told after every image.

    Returns:
        How many were extracted (``added``), and which could not be.
    """
    report = Report()

    def extract(image_id: ImageId) -> object:
        file = file_of(image_id)
        if file is None:
            raise NotFoundError("the file was not kept: send the image again")
        return sink.extract(ImageFile(file.read_bytes(), limits=limits))

    batch: dict[ImageId, object] = {}
    work = ahead(
        extract,
        ids,
        threads=os.cpu_count() or 1,
        stop=threading.Event(),
    )
    for done, (image_id, future) in enumerate(work, start=1):
        try:
            batch[image_id] = future.result()
        except (AmbienceError, OSError) as error:
            where = file_of(image_id) or Path(f"image {image_id}")
            report.failed.append(Failure.of(where, error))
        if len(batch) >= _BATCH:
            report.added += _put(sink, batch)
        on_progress(Progress(done, len(ids), report))
    report.added += _put(sink, batch)
    return report


def _put(sink: Sink, batch: dict[ImageId, object]) -> int:
    """Write a batch and empty it; return how many it held."""
    count = len(batch)
    sink.put(batch)
    batch.clear()
    return count
