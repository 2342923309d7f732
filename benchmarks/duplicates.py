"""How fast the duplicates of a folder are listed from nothing, and whether all are.

    python benchmarks/duplicates.py --images ~/Pictures

A folder is filled with photographs and edited copies of them, six of each at random,
and its duplicates are listed in three ways, each in processes of its own: by
`ambience duplicates FOLDER`; by importing it and listing the library's; and by
hashing the original's way (decoded in full, Lanczos to 96 x 96, DCT, median) on all
processors and comparing all with all.
"""

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy.fft import dct
from tables import print_table

from ambience.imaging.edits.table import EDITS

AMBIENCE = [sys.executable, "-c", "import ambience.cli as c, sys; sys.exit(c.main())"]
COPIES = 6  # of each photograph: with it, seven images a group
WHOLE = {"identical", "re-encoded", "thumbnail", "mirrored or turned"}
PARTS = WHOLE | {"crop", "mirrored crop", "changed", "inside another"}


def fill(folder: Path, photos: Sequence[Path], count: int, families: set[str]) -> None:
    """Write photographs and edited copies, named for the photograph and the edit."""
    edits = [e for e in EDITS if e.family in families and e.originals == 1]
    rng = np.random.default_rng(1)
    chosen = random.Random(1)
    written = 0
    for photo in photos:
        own = [None, *chosen.sample(edits, COPIES)]
        for edit in own[: count - written]:
            name = f"{photo.stem}-{'source' if edit is None else edit.name}.jpg"
            target = folder / name.replace("/", " ").replace(" %", "")
            if edit is None or edit.name == "identical":
                target.write_bytes(photo.read_bytes())
            else:
                pixels = np.asarray(Image.open(photo).convert("RGB"))
                made = edit.make([pixels], rng).pixels
                Image.fromarray(made).save(target, quality=90)
            written += 1
        if written >= count:
            return


def cpu_s() -> float:
    """Return the processor time of all processes that were waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run(words: Sequence[str]) -> Any:
    """Run a command; return its answer."""
    done = subprocess.run(
        [*AMBIENCE, *words, "--json"], stdout=subprocess.PIPE, check=True
    )
    return json.loads(done.stdout)


def told(groups: Sequence[dict[str, Any]], count: int) -> list[str]:
    """Return how many copies are listed with their photograph, and how many wrongly."""
    listed: dict[str, set[str]] = {}
    wrong = 0
    for group in groups:
        own = group["keeper"]["name"].partition("-")[0]
        for other in [*group["others"], *group["parts"]]:
            if other["name"].partition("-")[0] == own:
                listed.setdefault(own, set()).add(other["name"])
            else:
                wrong += 1
    copies = count - -(-count // (COPIES + 1))
    # Of what shows the same photograph, one at least is kept.
    right = sum(min(len(names), COPIES) for names in listed.values())
    source = sum(g["keeper"]["name"].endswith("source.jpg") for g in groups)
    return [f"{right / copies:.3f}", str(wrong), f"{source}/{len(groups)}"]


def bare_hash(path: str) -> bytes:
    """Hash the original's way, as `extraction.py` describes it."""
    with Image.open(path) as image:
        small = image.convert("L").resize((96, 96), Image.Resampling.LANCZOS)
    rows = dct(dct(np.asarray(small, np.float32), axis=0), axis=1)[:24, :24]
    return np.packbits(rows.ravel() > np.median(rows)).tobytes()


def bare_way(folder: Path) -> None:
    """Hash a folder on all processors, and compare all with all."""
    paths = [str(path) for path in sorted(folder.iterdir())]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        hashes = list(pool.map(bare_hash, paths, chunksize=16))
    rows = np.frombuffer(b"".join(hashes), np.uint64).reshape(len(paths), -1)
    near = 0
    for row in rows:
        near += int((np.bitwise_count(rows ^ row).sum(axis=1) <= 64).sum())


def measured(name: str, count: int, act: Any) -> list[str]:
    """Return a row of the table."""
    before_s, start = cpu_s(), time.perf_counter()
    groups = act()
    took_s = time.perf_counter() - start
    row = [name, f"{took_s:.2f}", f"{count / took_s:.0f}", f"{cpu_s() - before_s:.2f}"]
    return [*row, *(told(groups, count) if groups is not None else ["", "", ""])]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--sizes", type=int, nargs="+", default=[20, 200, 2000])
    parser.add_argument("--parts", action="store_true", help="crops and insets, too")
    parser.add_argument("--import", dest="imports", action="store_true")
    parser.add_argument("--bare-folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.bare_folder:
        bare_way(options.bare_folder)
        return
    photos = sorted(options.images.glob("*.jpg"))
    rows = []
    for size in options.sizes:
        with tempfile.TemporaryDirectory() as place:
            folder, data = Path(place, "photos"), Path(place, "data")
            folder.mkdir()
            fill(folder, photos, size, PARTS if options.parts else WHOLE)
            count = len(list(folder.iterdir()))
            words = ["duplicates", str(folder), "--data", str(data)]
            if options.parts:
                words.append("--parts")
            rows.append(measured("folder", count, lambda w=words: run(w)["groups"]))
            if options.imports:

                def imported(folder: Path = folder, data: Path = data) -> Any:
                    run(["import", str(folder), "--data", str(data)])
                    return run(["duplicates", "--turned", "--data", str(data)])

                rows.append(measured("import, list", count, imported))

            def bare(folder: Path = folder) -> None:
                words = [sys.executable, __file__, "--images", ".", "--bare-folder"]
                subprocess.run([*words, str(folder)], check=True)

            rows.append(measured("the original's hash", count, bare))
    print_table(
        ["way", "s", "images/s", "CPU s", "found", "wrong", "source kept"], rows
    )


if __name__ == "__main__":
    main()
