"""Extracts a service's features anew, from the files of all images."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

from ambience.catalog import Catalog, ImageRecord
from ambience.core.errors import AmbienceError, NotFoundError
from ambience.core.features import ImageId
from ambience.imaging import ImageFile, Limits
from ambience.ingest.ahead import ahead
from ambience.ingest.importer import Failure, Progress, Report
from ambience.ingest.originals import Originals
from ambience.ingest.writer import Sink

_BATCH = 64  # images a transaction


def extract_anew(
    sink: Sink,
    *,
    catalog: Catalog,
    originals: Originals,
    limits: Limits,
    on_progress: Callable[[Progress], None],
) -> Report:
    """Give a service the features of every image whose file is still there.

    Args:
        sink: The service.
        catalog: Knows the images.
        originals: Knows where their files are.
        limits: What an image may cost.
        on_progress: Told after every image.

    Returns:
        How many were extracted (``added``), and which could not be.
    """
    report, total = Report(), len(catalog)

    def extract(record: ImageRecord) -> object:
        file = originals.file_of(record)
        if file is None:
            raise NotFoundError("the file was not kept: send the image again")
        return sink.extract(ImageFile(file.read_bytes(), limits=limits))

    batch: dict[ImageId, object] = {}
    work = ahead(
        extract,
        catalog.everything(),
        threads=os.cpu_count() or 1,
        stop=threading.Event(),
    )
    for done, (record, future) in enumerate(work, start=1):
        try:
            batch[record.image_id] = future.result()
        except (AmbienceError, OSError) as error:
            where = originals.file_of(record) or Path(f"image {record.image_id}")
            report.failed.append(Failure.of(where, error))
        if len(batch) >= _BATCH:
            report.added += _put(sink, batch)
        on_progress(Progress(done, total, report))
    report.added += _put(sink, batch)
    return report


def _put(sink: Sink, batch: dict[ImageId, object]) -> int:
    """Write a batch and empty it; return how many it held."""
    count = len(batch)
    sink.put(batch)
    batch.clear()
    return count
