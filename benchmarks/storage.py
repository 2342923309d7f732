"""How fast changes reach the disk: features in LMDB, records in SQLite, whole images.

    python benchmarks/storage.py --folder /var/tmp

Every row is durable when counted (forced to the disk). Batches are transactions of
that many images.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from tables import print_table

from ambience.catalog import Catalog, ImageRecord
from ambience.catalog.database import Database
from ambience.core.features import Feature, FeatureSpec, ImageId, Metric
from ambience.engine.embedded.store import FeatureStore

BATCHES = (1, 64, 1000)
SPECS = {
    "phash features": FeatureSpec(dim=72, dtype="uint8", metric=Metric.HAMMING),
    "color features": FeatureSpec(dim=512, dtype="uint16", metric=Metric.L2),
}


def rate(write: Callable[[Sequence[ImageId]], None], batch: int, count: int) -> float:
    """Return images a second."""
    start = time.perf_counter()
    for first in range(0, count, batch):
        write([ImageId(i) for i in range(first, min(first + batch, count))])
    return count / (time.perf_counter() - start)


def feature_rate(folder: Path, spec: FeatureSpec, batch: int, count: int) -> float:
    """Write features."""
    rows = np.random.default_rng(0).integers(0, 256, (1, spec.dim)).astype(spec.dtype)
    feature = Feature(rows)
    with FeatureStore(folder / f"{spec.dim}-{batch}.lmdb", spec) as store:
        return rate(lambda ids: store.put(dict.fromkeys(ids, feature)), batch, count)


def record_rate(folder: Path, batch: int, count: int) -> float:
    """Write catalog records."""
    now = datetime.now(UTC)

    def record(image_id: ImageId) -> ImageRecord:
        return ImageRecord(
            image_id=image_id,
            sha256=image_id.to_bytes(32, "big"),
            byte_count=1,
            size=(480, 640),
            format="jpeg",
            shown_at=now.replace(tzinfo=None),
            added_at=now,
            path=Path(f"/photos/{image_id}.jpg"),
        )

    database = Database(folder / f"{batch}.sqlite3")
    catalog = Catalog(database)
    found = rate(lambda ids: catalog.put([record(i) for i in ids]), batch, count)
    database.close()
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="on the disk to be measured")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 10_000, 100_000])
    options = parser.parse_args()
    rows = []
    for size in options.sizes:
        for batch in BATCHES:
            count = min(size, 2000 * batch)  # single ones take a second a thousand
            with tempfile.TemporaryDirectory(dir=options.folder) as name:
                folder = Path(name)
                rates = {
                    what: feature_rate(folder, spec, batch, count)
                    for what, spec in SPECS.items()
                }
                rates["catalog records"] = record_rate(folder, batch, count)
            rows += [
                [str(count), str(batch), what, f"{found:,.0f}"]
                for what, found in rates.items()
            ]
    print_table(["images", "batch", "what", "a second"], rows)


if __name__ == "__main__":
    main()
