"""How many images a second an import takes in, and how much memory it holds.

    python benchmarks/importing.py --images ~/Pictures

A folder is imported as it is, and once more with its photographs enlarged to 12
megapixels. Each import runs as the command does, in a process of its own, at three
sizes; the folder is repeated with a changed byte where it has too few images.
"""

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from extraction import enlarged
from tables import print_table

IMPORT = [sys.executable, "-c", "import ambience.cli as c, sys; sys.exit(c.main())"]


def fill(folder: Path, files: list[bytes], count: int) -> None:
    """Write ``count`` different files; what follows a JPEG's end is not looked at."""
    for number in range(count):
        data = files[number % len(files)] + number.to_bytes(4, "big")
        (folder / f"{number}.jpg").write_bytes(data)


def children_cpu_s() -> float:
    """Return the processor time of all processes that were waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def watched_peak_mb(process: "subprocess.Popen[bytes]") -> float:
    """Wait for a process; return the most memory it held, as Linux tells it."""
    peak_kb = 0
    while process.poll() is None:
        status = Path(f"/proc/{process.pid}/status").read_text()
        found = re.search(r"VmHWM:\s+(\d+)", status)
        peak_kb = max(peak_kb, int(found[1]) if found else 0)
        time.sleep(0.05)
    return peak_kb / 1024


def imported(files: list[bytes], count: int, place: Path | None) -> list[str]:
    """Import ``count`` files and return a row of the table."""
    with tempfile.TemporaryDirectory(dir=place) as name:
        photos, data = Path(name, "photos"), Path(name, "data")
        photos.mkdir()
        fill(photos, files, count)
        before_s = children_cpu_s()
        start = time.perf_counter()
        command = [*IMPORT, "import", str(photos), "--data", str(data), "--json"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE)  # noqa: S603 -- ours
        peak_mb = watched_peak_mb(process)
        out, _ = process.communicate()
        took_s = time.perf_counter() - start
        cpu_s = children_cpu_s() - before_s
        added = json.loads(out)["added"]
    return [
        str(added),
        f"{added / took_s:.0f}",
        f"{1000 * cpu_s / added:.1f}",
        f"{peak_mb:.0f}",
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--folder", type=Path, help="where to import to")
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 1000, 10_000])
    parser.add_argument("--large-sizes", type=int, nargs="+", default=[20, 200])
    options = parser.parse_args()
    paths = sorted(p for p in options.images.iterdir() if p.suffix.lower() == ".jpg")
    small = [path.read_bytes() for path in paths]
    large = [enlarged(path, i) for i, path in enumerate(paths[:8])]
    rows = [["as they are", *imported(small, n, options.folder)] for n in options.sizes]
    rows += [
        ["12 MP", *imported(large, n, options.folder)] for n in options.large_sizes
    ]
    print(f"{os.cpu_count()} processors")
    headings = ["images", "count", "a second", "CPU ms an image", "peak MB"]
    print_table(headings, rows)


if __name__ == "__main__":
    main()
