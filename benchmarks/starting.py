"""How long a start takes until the first search is answered, with and without snapshot.

    python benchmarks/starting.py --folder /var/tmp

Stores are filled with drawn features (random hashes; histograms of some 80 cells, as
photographs have), then each service is opened in a fresh process and searched once.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from tables import print_table

from ambience import registry
from ambience.core.features import Feature, ImageId
from ambience.engine.embedded.store import FeatureStore
from ambience.services.color.extract import WHOLE

SIZES = [10_000, 100_000, 1_000_000]
BATCH = 10_000
DRAWN = ("phash", "color")  # local_features.py measures the start of its own service
CELLS = 80  # of 512 that a photograph fills, in the middle

START = """
import json, sys, time
from pathlib import Path
from ambience import registry
from ambience.core.features import ImageId
from ambience.service import SearchRequest
began = time.perf_counter()
declared = registry.load(sys.argv[1])
service = declared.open(declared.settings(), Path(sys.argv[2]))
service.search_by_id(ImageId(1), SearchRequest(k=10))
first = time.perf_counter() - began
service.close()
print(json.dumps(first))
"""


def features(name: str, dim: int, seed: int) -> np.ndarray:
    """Draw a batch of rows."""
    rng = np.random.default_rng(seed)
    if name == "phash":
        return rng.integers(0, 256, (BATCH, dim), dtype=np.uint8)
    rows = np.zeros((BATCH, dim), np.uint16)
    shares = rng.dirichlet(np.full(CELLS, 0.3), BATCH)
    cells = rng.random((BATCH, dim)).argpartition(CELLS, axis=1)[:, :CELLS]
    np.put_along_axis(rows, cells, (shares * WHOLE).astype(np.uint16), axis=1)
    rows[:, 0] += (WHOLE - rows.sum(axis=1, dtype=np.int64)).astype(np.uint16)
    return rows


def fill(name: str, data: Path, size: int) -> None:
    """Write a store of this size."""
    declared = registry.load(name)
    spec = declared.make_extractor(declared.settings(), Path()).spec
    with FeatureStore(declared.folder(data) / "store.lmdb", spec) as store:
        for start in range(0, size, BATCH):
            rows = features(name, spec.dim, start)
            store.put(
                {ImageId(start + i): Feature(r[None]) for i, r in enumerate(rows)}
            )


def first_answer_s(name: str, data: Path) -> float:
    """Start a service in a fresh process; return when it answered."""
    command = [sys.executable, "-c", START, name, str(data)]
    run = subprocess.run(command, capture_output=True, check=True)
    return float(json.loads(run.stdout))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="on the disk to be measured")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    options = parser.parse_args()
    rows = []
    for size in options.sizes:
        for name in DRAWN:
            data = Path(tempfile.mkdtemp(dir=options.folder))
            fill(name, data, size)
            without = first_answer_s(name, data)  # and leaves a snapshot behind
            with_one = sorted(first_answer_s(name, data) for _ in range(3))[1]
            rows.append([str(size), name, f"{with_one:.2f}", f"{without:.2f}"])
            shutil.rmtree(data)
    headings = ["images", "service", "s with a snapshot", "s without"]
    print_table(headings, rows)


if __name__ == "__main__":
    main()
