"""How many images a second an import takes in and completes, and in what memory.

    python benchmarks/importing.py --images ~/Pictures

A folder is imported as it is, and once more with its photographs enlarged to 12
megapixels, with all services and with those alone that compare whole images. Each
import runs as the command does, in a process of its own, at three sizes; the folder is
repeated with a changed byte where it has too few images. "The original's way" is what
its services do for each image, one after another (see ``extraction.py``), in a process
for each processor, and nothing is stored. ``--beside`` names the ``src`` folder of
another version, which imports the same in turn. Processor time includes that of the
processes that decode, and means more than images a second where others are at work.
"In" is when the last image is in the catalog, and so found by its hash; the rest of the
time, slow services get what they lack.
"""

import argparse
import json
import os
import re
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from pathlib import Path

import cv2
from extraction import enlarged, original_everything, original_keypoints
from tables import print_table

import ambience

IMPORT = [sys.executable, "-c", "import ambience.cli as c, sys; sys.exit(c.main())"]
HERE = Path(ambience.__file__).parents[1]
WHOLE = ("phash", "color")
SERVICES = {"all": (*WHOLE, "local_features"), "phash, color": WHOLE}


def fill(folder: Path, files: Sequence[bytes], count: int) -> None:
    """Write ``count`` different files; what follows a JPEG's end is not looked at."""
    for number in range(count):
        data = files[number % len(files)] + number.to_bytes(4, "big")
        (folder / f"{number}.jpg").write_bytes(data)


def children_cpu_s() -> float:
    """Return the processor time of all processes that were waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def images_in(catalog: Path) -> int:
    """Return how many images a catalog knows; none, where there is no catalog yet."""
    try:
        with closing(sqlite3.connect(f"{catalog.as_uri()}?mode=ro", uri=True)) as read:
            count: int = read.execute("SELECT COUNT(*) FROM images").fetchone()[0]
    except sqlite3.OperationalError:  # it is just being made
        return 0
    return count


def watched(
    process: "subprocess.Popen[bytes]", catalog: Path, count: int
) -> tuple[float, float]:
    """Wait for a process.

    Returns:
        How many seconds it took until the catalog had all images, and the most memory
        that the process held, in MB, as Linux tells it.
    """
    start, in_s, peak_kb = time.perf_counter(), 0.0, 0
    while process.poll() is None:
        status = Path(f"/proc/{process.pid}/status").read_text()
        found = re.search(r"VmHWM:\s+(\d+)", status)
        peak_kb = max(peak_kb, int(found[1]) if found else 0)
        if not in_s and images_in(catalog) == count:
            in_s = time.perf_counter() - start
        time.sleep(0.05)
    return in_s or time.perf_counter() - start, peak_kb / 1024


def cells(
    count: int, in_s: float, took_s: float, cpu_s: float, peak_mb: float
) -> list[str]:
    """Return what was measured as cells of the table."""
    in_rate, rate, cpu_ms = count / in_s, count / took_s, 1000 * cpu_s / count
    rates = [f"{in_rate:.1f}", f"{rate:.1f}"]
    return [str(count), *rates, f"{cpu_ms:.1f}", f"{peak_mb:.0f}"]


def imported(
    photos: Path, place: Path | None, source: Path, services: str
) -> list[str]:
    """Import a folder with the sources of one version."""
    enabled = json.dumps(SERVICES[services])
    environment = {"PYTHONPATH": str(source), "AMBIENCE_ENABLED": enabled}
    with tempfile.TemporaryDirectory(dir=place) as data:
        before_s = children_cpu_s()
        start = time.perf_counter()
        command = [*IMPORT, "import", str(photos), "--data", data, "--json"]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, env={**os.environ, **environment}
        )
        count = sum(1 for _ in photos.iterdir())
        in_s, peak_mb = watched(process, Path(data, "catalog.sqlite3"), count)
        out, _ = process.communicate()
        took_s = time.perf_counter() - start
    added = json.loads(out)["added"]
    return cells(added, in_s, took_s, children_cpu_s() - before_s, peak_mb)


def take_as_the_original(path: Path, services: str) -> None:
    """Take what the original's services take of an image."""
    data = path.read_bytes()
    original_everything(data)
    if services == "all":
        original_keypoints(data)


def original(photos: Path, services: str) -> list[str]:
    """Take what the original's services take of each image in a folder."""
    paths = list(photos.iterdir())
    before_s = children_cpu_s()
    start = time.perf_counter()
    with ProcessPoolExecutor(initializer=cv2.setNumThreads, initargs=(1,)) as pool:
        list(
            pool.map(take_as_the_original, paths, [services] * len(paths), chunksize=4)
        )
    took_s = time.perf_counter() - start
    return cells(len(paths), took_s, took_s, children_cpu_s() - before_s, 0)


def rows(
    size: str, files: Sequence[bytes], count: int, options: argparse.Namespace
) -> Iterator[list[str]]:
    """Measure ``count`` images of one size in every way."""
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        photos = Path(name)
        fill(photos, files, count)
        for _ in range(options.rounds):
            for services in SERVICES:
                versions = {"this": HERE}
                if options.beside is not None:
                    versions["beside"] = options.beside
                for version, source in versions.items():
                    measured = imported(photos, options.folder, source, services)
                    yield [size, services, version, *measured]
                if options.original:
                    yield [
                        size,
                        services,
                        "the original's way",
                        *original(photos, services),
                    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--folder", type=Path, help="where to import to")
    parser.add_argument("--sizes", type=int, nargs="*", default=[100, 1000, 10_000])
    parser.add_argument("--large-sizes", type=int, nargs="*", default=[20, 200])
    parser.add_argument("--rounds", type=int, default=1, help="how often all in turn")
    parser.add_argument("--beside", type=Path, help="src folder of another version")
    parser.add_argument(
        "--original", action="store_true", help="the original's way too"
    )
    options = parser.parse_args()
    paths = sorted(p for p in options.images.iterdir() if p.suffix.lower() == ".jpg")
    small = [path.read_bytes() for path in paths]
    large = [enlarged(path, i) for i, path in enumerate(paths[:8])]
    table = [
        row for n in options.sizes for row in rows("as they are", small, n, options)
    ]
    for n in options.large_sizes:
        table += rows("12 MP", large, n, options)
    print(f"{os.cpu_count()} processors")
    headings = ["images", "services", "version", "count"]
    headings += ["in a second", "complete a second", "CPU ms an image", "peak MB"]
    print_table(headings, table)


if __name__ == "__main__":
    main()
