"""Hamming search: exact nearest rows, near ones, and groups of near-duplicates.

Libraries of 576-bit hashes of random crops of real photographs (``--images``). One in
ten is a copy of another: a third of these by random bit flips (0 to 64, evenly), the
rest by edits of the crop (JPEG 30, half size, a 64 px thumbnail, blur, noise,
brightness). Measured side by side in one run, one thread unless said:

* the exact ten nearest, against FAISS IndexBinaryFlat; one query and eight;
* radius 64, against FAISS IndexBinaryMultiHash(576, 16, 24) with one flip probed;
* recall on the copies within 64 bits, and on random flips of exactly 64 bits;
* groups of near-duplicates, against an estimate of comparing all with all by NumPy.

Times are medians in milliseconds; on a shared machine only ratios mean something.
"""

import argparse
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import faiss
import numpy as np
from numpy.typing import NDArray

from ambience.core.distances import hamming_distances
from ambience.core.features import FeatureSpec, ImageId, Metric
from ambience.engine.embedded.hamming.bit_samples import plan
from ambience.engine.embedded.hamming.hamming_index import HammingIndex
from ambience.engine.embedded.hamming.segment_tables import SegmentTables

SPEC = FeatureSpec(dim=72, dtype="uint8", metric=Metric.HAMMING)
RADIUS = 64
SIDE = 96
Hashes = NDArray[np.uint8]


def main() -> None:
    """Measure at every size and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=Path, required=True, metavar="DIR")
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000]
    )
    parser.add_argument("--multihash-up-to", type=int, default=1_000_000)
    options = parser.parse_args()
    faiss.omp_set_num_threads(1)
    cv2.setNumThreads(1)
    found = map(small_gray, sorted(options.images.iterdir()))
    grays = [gray for gray in found if gray is not None]
    rows, origins = library(grays, max(options.sizes))
    searches, tables, grouping = [], [], []
    for size in options.sizes:
        part, origin = rows[:size], origins[:size]
        index = HammingIndex(SPEC)
        index.replace((), [ImageId(i) for i in range(size)], part)
        searches.append(exact_row(index, part))
        tables.append(
            radius_row(index, part, origin, peer=size <= options.multihash_up_to)
        )
        grouping.append(groups_row(index, part, origin))
        print(f"{size} done", flush=True)
    show("Exact ten nearest, ms", searches)
    show(f"Radius {RADIUS}, ms", tables)
    show(f"Groups within {RADIUS} bits, s", grouping)


def small_gray(path: Path) -> NDArray[np.uint8] | None:
    """Return an image at most 256 px long, gray; None for what is no image."""
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if image is None:
        return None
    scale = 256 / max(image.shape)
    size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return small.astype(np.uint8)


def hashes(crops: list[NDArray[np.uint8]]) -> Hashes:
    """Return the bits of the low DCT coefficients that are above their median."""
    column = np.arange(SIDE)
    row = np.arange(24)[:, None]
    cosines = np.cos(np.pi * (2 * column + 1) * row / (2 * SIDE)).astype(np.float32)
    cosines[0] /= np.sqrt(2)
    squares = np.stack(
        [cv2.resize(c, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for c in crops]
    )
    low = (cosines @ squares.astype(np.float32) @ cosines.T).reshape(len(crops), -1)
    return np.packbits(low > np.median(low, axis=1, keepdims=True), axis=1)


def edited(crop: NDArray[np.uint8], edit: int, seed: int) -> NDArray[np.uint8]:
    """Return a copy of a crop."""
    height, width = crop.shape
    match edit:
        case 0:
            _, data = cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, 30])
            out: Any = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
        case 1:
            half = (max(1, width // 2), max(1, height // 2))
            out = cv2.resize(crop, half, interpolation=cv2.INTER_AREA)
        case 2:
            out = cv2.resize(crop, (64, 64), interpolation=cv2.INTER_AREA)
        case 3:
            out = cv2.GaussianBlur(crop, (5, 5), 1.2)
        case 4:
            noise = np.random.default_rng(seed).normal(0, 8, crop.shape)
            out = np.clip(crop + noise, 0, 255).astype(np.uint8)
        case _:
            out = np.clip(crop * 1.2 + 10, 0, 255).astype(np.uint8)
    return np.asarray(out, dtype=np.uint8)


def library(
    grays: list[NDArray[np.uint8]], count: int
) -> tuple[Hashes, NDArray[np.int64]]:
    """Return hashes, and for each the position of what it is a copy of, or -1."""
    rng = np.random.default_rng(0)
    rows = np.empty((count, SPEC.dim), dtype=np.uint8)
    origins = np.full(count, -1, dtype=np.int64)
    for start in range(0, count, 1_000):
        crops = [random_crop(grays, rng) for _ in range(min(1_000, count - start))]
        part = slice(start, start + len(crops))
        originals = len(crops) * 9 // 10
        copied = rng.integers(originals, size=len(crops) - originals)
        for place, origin in enumerate(copied.tolist(), start=originals):
            crops[place] = edited(crops[origin], place % 6, place)
        rows[part] = hashes(crops)
        flipped_rows = np.arange(originals, len(crops), 3)
        source = copied[flipped_rows - originals]
        rows[start + flipped_rows] = rows[start + source] ^ flips(
            rng.integers(0, RADIUS + 1, len(source)), rng
        )
        origins[start + originals : start + len(crops)] = start + copied
    return rows, origins


def random_crop(
    grays: list[NDArray[np.uint8]], rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Return a part of one of the images, sometimes mirrored."""
    gray = grays[rng.integers(len(grays))]
    height, width = (max(24, int(s * rng.uniform(0.2, 1))) for s in gray.shape)
    top = rng.integers(gray.shape[0] - height + 1)
    left = rng.integers(gray.shape[1] - width + 1)
    crop = gray[top : top + height, left : left + width]
    return crop[:, ::-1].copy() if rng.random() < 0.5 else crop


def flips(counts: NDArray[np.int64], rng: np.random.Generator) -> Hashes:
    """Return masks with so many bits set, anywhere."""
    bits = 8 * SPEC.dim
    places = rng.random((len(counts), bits)).argsort(axis=1)
    mask = np.zeros((len(counts), bits), dtype=bool)
    np.put_along_axis(mask, places, np.arange(bits) < counts[:, None], axis=1)
    return np.packbits(mask, axis=1)


def milliseconds(call: Callable[[int], object], times: int = 200) -> float:
    """Return the median time of a call with 0, 1, 2, ... ."""
    call(0)
    taken = []
    for number in range(times):
        start = time.perf_counter()
        call(number)
        taken.append(time.perf_counter() - start)
    return 1e3 * float(np.median(taken))


def queries_of(rows: Hashes) -> Hashes:
    """Return 2,000 of the rows, each with a few bits flipped."""
    rng = np.random.default_rng(1)
    chosen = rows[rng.integers(len(rows), size=2_000)]
    return chosen ^ flips(rng.integers(0, 33, len(chosen)), rng)


def exact_row(index: HammingIndex, rows: Hashes) -> dict[str, object]:
    """Compare the exact search with IndexBinaryFlat."""
    flat = faiss.IndexBinaryFlat(8 * SPEC.dim)
    flat.add(rows)
    queries = queries_of(rows)
    ours = milliseconds(lambda i: index.nearest(queries[i : i + 1], k=10), 50)
    peer = milliseconds(lambda i: flat.search(queries[i : i + 1], 10), 50)
    ours8 = milliseconds(lambda i: index.nearest(queries[8 * i : 8 * i + 8], k=10), 20)
    peer8 = milliseconds(lambda i: flat.search(queries[8 * i : 8 * i + 8], 10), 20)
    same = all(
        [n.distance for n in index.nearest(q[None], k=10)]
        == flat.search(q[None], 10)[0][0].tolist()
        for q in queries[:50]
    )
    return {
        "rows": len(rows),
        "ours": ours,
        "flat": peer,
        "ratio": ours / peer,
        "ours, 8 queries": ours8,
        "flat, 8": peer8,
        "ratio, 8": ours8 / peer8,
        "same distances": same,
    }


def radius_row(
    index: HammingIndex, rows: Hashes, origins: NDArray[np.int64], *, peer: bool
) -> dict[str, object]:
    """Compare the radius search with IndexBinaryMultiHash, and count what it finds."""
    start = time.perf_counter()
    tables = SegmentTables(rows)
    build_s = time.perf_counter() - start
    queries = queries_of(rows)
    out: dict[str, object] = {
        "rows": len(rows),
        "ours": milliseconds(lambda i: index.within(queries[i : i + 1], radius=RADIUS)),
        "8 versions": milliseconds(
            lambda i: index.within(queries[8 * i : 8 * i + 8], radius=RADIUS)
        ),
        "recall, copies": copies_found(tables, rows, origins),
        "flips 0..64": flips_found(tables, rows, 0),
        "exactly 64": flips_found(tables, rows, RADIUS),
        "build s": build_s,
        "B/row": 72 + 8 + 144,
    }
    if peer:
        start = time.perf_counter()
        multi = faiss.IndexBinaryMultiHash(8 * SPEC.dim, 16, 24)
        multi.add(rows)
        out["MultiHash build s"] = time.perf_counter() - start
        multi.nflip = 1
        some = queries[:300]
        # its range search looks for distances below the radius
        out["MultiHash"] = milliseconds(
            lambda i: multi.range_search(some[i : i + 1], RADIUS + 1), 100
        )
        far = rows[:300] ^ flips(np.full(300, RADIUS), np.random.default_rng(3))
        limits, _, found = multi.range_search(far, RADIUS + 1)
        hit = [
            query in found[limits[query] : limits[query + 1]] for query in range(300)
        ]
        out["its recall, 64"] = float(np.mean(hit))
    return out


def copies_found(
    tables: SegmentTables, rows: Hashes, origins: NDArray[np.int64]
) -> float:
    """Return the share of copies within the radius that find their original."""
    copies = np.flatnonzero(origins >= 0)[:20_000]
    near = hamming_distances(rows[copies], rows[origins[copies]]) <= RADIUS
    copies = copies[near]
    return recall(tables, rows[copies], origins[copies])


def flips_found(tables: SegmentTables, rows: Hashes, fewest: int) -> float:
    """Return the share of rows found again after random flips."""
    rng = np.random.default_rng(2)
    chosen = rng.integers(len(rows), size=20_000)
    mask = flips(rng.integers(fewest, RADIUS + 1, len(chosen)), rng)
    return recall(tables, rows[chosen] ^ mask, chosen)


def recall(tables: SegmentTables, queries: Hashes, wanted: NDArray[np.int64]) -> float:
    """Return the share of queries that find what they should."""
    hits = 0
    for query, expected in zip(queries, wanted, strict=True):
        found = tables.within(query[None], radius=RADIUS)
        hits += found is None or bool((found[0] == expected).any())
    return hits / len(queries)


def groups_row(
    index: HammingIndex, rows: Hashes, origins: NDArray[np.int64]
) -> dict[str, object]:
    """Time the grouping, and estimate comparing all with all."""
    out: dict[str, object] = {"rows": len(rows)}
    best = plan(len(rows), row_bits=8 * SPEC.dim, radius=RADIUS)
    out["plan"] = f"{best.tables} x {best.bits} bits"
    for threads in (1, 2):
        start = time.perf_counter()
        groups = index.groups(radius=RADIUS, threads=threads)
        out[f"{threads} threads"] = time.perf_counter() - start
    copies = np.flatnonzero(origins >= 0)
    near = hamming_distances(rows[copies], rows[origins[copies]]) <= RADIUS
    copies = copies[near]
    member = {i: number for number, group in enumerate(groups) for i in group}
    pairs = zip(copies.tolist(), origins[copies].tolist(), strict=True)
    out["groups"] = len(groups)
    out["copies grouped"] = float(
        np.mean([member.get(a, -1) == member.get(b, -2) for a, b in pairs])
    )
    start = time.perf_counter()
    for row in rows[:20]:
        hamming_distances(row, rows)
    out["all with all (est.)"] = (time.perf_counter() - start) / 20 * len(rows) / 2
    return out


def show(title: str, rows: list[dict[str, object]]) -> None:
    """Print a markdown table, and how each cost grew from size to size."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    print(f"\n**{title}**\n\n| {' | '.join(columns)} |")
    print("|" + "---|" * len(columns))
    for row in rows:
        print("| " + " | ".join(shown(row.get(key, "")) for key in columns) + " |")
    growth = ["growth"]
    for key in columns[1:]:
        values = [row.get(key) for row in rows]
        factors = [
            f"{b / a:.1f}"
            for a, b in pairwise(values)
            if isinstance(a, float) and isinstance(b, float) and a > 0
        ]
        growth.append(" ".join(factors))
    print("| " + " | ".join(growth) + " |")


def shown(value: object) -> str:
    """Return a value for a table."""
    return f"{value:.5g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
