"""Damages stores in every way we know, and prints what becomes of each.

Run it as ``python benchmarks/store_damage.py [FLIPS]``; 200 flips take a few minutes.
Each damaged store is opened and used in a process of its own, so that one that is ended
by a signal is counted. A store is harmless if all of its features are as before, told
if it is refused or names what is damaged, and silent if a feature is another one.
"""

import random
import shutil
import struct
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ambience.core.features import Feature, FeatureSpec, ImageId, Metric
from ambience.engine.embedded.store import FeatureStore

PAGE = 4096
KINDS = {0x01: "branch", 0x02: "leaf", 0x04: "overflow", 0x08: "meta"}
# Name: rows an image, bytes a row, images: small rows, many a page; large ones, alone.
STORES = {"hashes": (1, 72, 3000), "keypoints": (200, 136, 120)}

USE = """
import sys
from pathlib import Path
from ambience.core.errors import AmbienceError
from ambience.core.features import Feature, FeatureSpec, ImageId, Metric
from ambience.engine.embedded.store import FeatureStore
import numpy as np
dim, rows, count = map(int, sys.argv[1:4])
spec = FeatureSpec(dim=dim, dtype="uint8", metric=Metric.L1)
for line in sys.stdin:
    path = Path(line.strip())
    try:
        with FeatureStore(path, spec) as store:
            damaged = {i for part in store.readings() for i in part.damaged}
            list(store.changes(0))
            got = store.get(list(map(ImageId, range(count))))
            said = "silent"
            if all((one.rows == i % 251).all() for i, one in got.items()):
                said = "harmless" if len(got) == count else "told"
                extra = Feature(np.zeros((rows, dim), np.uint8))
                store.put({ImageId(count + i): extra for i in range(50)})
                store.remove([ImageId(i) for i in range(0, count, 3)])
    except AmbienceError:
        said = "refused"
    print(said, flush=True)
"""


def make(path: Path, rows: int, dim: int, count: int) -> None:
    """Fill a store, with changes in it that leave free pages."""
    spec = FeatureSpec(dim=dim, dtype="uint8", metric=Metric.L1)
    with FeatureStore(path, spec) as store:
        for _ in range(2):
            for start in range(0, count, 40):
                ids = range(start, min(start + 40, count))
                store.put(
                    {
                        ImageId(i): Feature(np.full((rows, dim), i % 251, np.uint8))
                        for i in ids
                    }
                )


def damages(whole: bytes, flips: int) -> Iterator[tuple[str, bytes]]:
    """Iterate over kinds of damage, each with the file that it leaves."""
    pages = len(whole) // PAGE
    for cut in range(1, 11):
        yield "cut by 1 to 10 pages", whole[: -cut * PAGE]
    for cut in range(1, 11):
        yield "cut within a page", whole[: -cut * 1000]
    for share in (0.1, 0.25, 0.5, 0.75):
        yield "cut by a large part", whole[: int(share * len(whole))]
    rng = random.Random(7)
    for number in sorted([*rng.sample(range(pages), min(pages, 60)), 0, 1]):
        (flags,) = struct.unpack_from("=H", whole, number * PAGE + 10)
        kind = KINDS.get(flags & 0x0F, "within an overflow")
        for what, filler in (("zeros", b"\0"), ("nonsense", b"\xa5")):
            page = filler * PAGE
            yield (
                f"{what} for a page: {kind}",
                whole[: number * PAGE] + page + whole[(number + 1) * PAGE :],
            )
    for several in (1, 8, 64):
        for _ in range(flips):
            data = bytearray(whole)
            for _ in range(several):
                data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
            yield f"{several} flipped bits", bytes(data)


class User:
    """A process that uses stores, started again whenever one has ended it."""

    def __init__(self, rows: int, dim: int, count: int) -> None:
        self._words = [sys.executable, "-c", USE, *map(str, (dim, rows, count))]
        self._start()

    def _start(self) -> None:
        self._process = subprocess.Popen(
            self._words,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def use(self, path: Path) -> str:
        """Return what became of a store."""
        self._process.stdin.write(f"{path}\n")
        self._process.stdin.flush()
        said = self._process.stdout.readline().strip()
        if not said:
            said = f"DIED ({self._process.wait()})"
            self._start()
        return said

    def end(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()


def main() -> None:
    """Damage, use, count."""
    flips = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with tempfile.TemporaryDirectory() as folder:
        for name, (rows, dim, count) in STORES.items():
            path = Path(folder, name, "whole.lmdb")
            make(path, rows, dim, count)
            whole = path.read_bytes()
            outcomes: dict[str, Counter[str]] = {}
            user = User(rows, dim, count)
            for number, (damage, data) in enumerate(damages(whole, flips)):
                place = Path(folder, name, str(number))
                place.mkdir()
                (place / "store.lmdb").write_bytes(data)
                said = user.use(place / "store.lmdb")
                outcomes.setdefault(damage, Counter())[said] += 1
                shutil.rmtree(place)
            user.end()
            print(f"\n{name}: {len(whole) // PAGE} pages")
            for damage, counted in outcomes.items():
                shown = ", ".join(f"{n} {what}" for what, n in sorted(counted.items()))
                print(f"  {damage:32} {shown}")


if __name__ == "__main__":
    main()
