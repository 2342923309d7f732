"""Color search: the 100 nearest histograms by L1, against FAISS IndexFlat with L1.

Libraries of 512-bin RGB histograms of random crops of real photographs (``--images``),
each with its gamma and gain changed. A few hundred photographs give up to a million
crops, so every histogram has thousands of close neighbours: harder than a library of as
many photographs, whose hundredth neighbour is farther from its thousandth.

The index reads rows for its exact ranking from a real feature store (LMDB) in a
temporary folder. Reported: recall of the 100 nearest, medians in milliseconds on one
thread, bytes a row in memory, fill times. On a shared machine only ratios hold.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import faiss
import numpy as np
from numpy.typing import NDArray

from ambience.core.features import Feature, FeatureSpec, ImageId, Metric
from ambience.engine.embedded.reranked.candidates import Candidates
from ambience.engine.embedded.reranked.ordering import ordering_vectors
from ambience.engine.embedded.reranked.reranked_index import EXACT_ROWS, RerankedIndex
from ambience.engine.embedded.store import FeatureStore

SPEC = FeatureSpec(dim=512, dtype="uint16", metric=Metric.L1, scale=65535.0)
K = 100
BATCH = 4_096
COLUMNS = (
    "rows",
    "recall@100",
    "recall@10",
    "top 100, ms",
    "of it codes",
    "flat L1, ms",
    "ratio",
    "within 0.3, ms",
    "its recall",
    "B/row",
    "flat B/row",
    "fill, s",
    "store, s",
)
Histograms = NDArray[np.uint16]


def main() -> None:
    """Measure at every size and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=Path, required=True, metavar="DIR")
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000]
    )
    parser.add_argument("--queries", type=int, default=100)
    options = parser.parse_args()
    faiss.omp_set_num_threads(1)
    images = [
        image
        for image in map(small_image, sorted(options.images.iterdir()))
        if image is not None
    ]
    rng = np.random.default_rng(0)
    rows = histograms(images, max(options.sizes), rng)
    queries = histograms(images, options.queries, rng)
    print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
    for size in options.sizes:
        with tempfile.TemporaryDirectory() as folder:
            print(measured(rows[:size], queries, Path(folder)), flush=True)


def small_image(path: Path) -> NDArray[np.uint8] | None:
    """Return an image at most 256 px long; None for what is no image."""
    image = cv2.imread(str(path))
    if image is None:
        return None
    scale = 256 / max(image.shape[:2])
    size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return small.astype(np.uint8)


def histograms(
    images: list[NDArray[np.uint8]], count: int, rng: np.random.Generator
) -> Histograms:
    """Return 8 x 8 x 8 histograms of random crops, each summing up to 65535."""
    out = np.empty((count, SPEC.dim), dtype=np.uint16)
    levels = np.arange(256) / 255
    for row in range(count):
        image = images[rng.integers(len(images))]
        height, width = (max(24, int(s * rng.uniform(0.2, 1))) for s in image.shape[:2])
        top = rng.integers(image.shape[0] - height + 1)
        left = rng.integers(image.shape[1] - width + 1)
        crop = image[top : top + height, left : left + width]
        bins = np.zeros(crop.shape[:2], dtype=np.uint16)
        for channel in range(3):
            gain, gamma = rng.uniform(0.85, 1.15), rng.uniform(0.7, 1.4)
            curve = np.clip(255 * gain * levels**gamma, 0, 255).astype(np.uint16) >> 5
            bins |= curve[crop[..., channel]] << 3 * channel
        parts = np.bincount(bins.ravel(), minlength=SPEC.dim) * (65535 / bins.size)
        whole = np.floor(parts)
        missing = round(65535 - whole.sum())
        whole[np.argsort(whole - parts, kind="stable")[:missing]] += 1
        out[row] = whole
    return out


def measured(rows: Histograms, queries: Histograms, folder: Path) -> str:
    """Return the row of the table for one size."""
    start = time.perf_counter()
    store = FeatureStore(folder / "store.lmdb", SPEC)
    for first in range(0, len(rows), BATCH):
        part = rows[first : first + BATCH]
        store.put(
            {ImageId(first + i): Feature(part[i : i + 1]) for i in range(len(part))}
        )
    store_s = time.perf_counter() - start
    index = RerankedIndex(SPEC, store.rows_of)
    start = time.perf_counter()
    for first in range(0, len(rows), BATCH):
        part = rows[first : first + BATCH]
        index.replace((), [ImageId(first + i) for i in range(len(part))], part)
    fill_s = time.perf_counter() - start
    flat = faiss.IndexFlat(SPEC.dim, faiss.METRIC_L1)
    flat.add(rows.astype(np.float32))
    ours = milliseconds(lambda i: index.nearest(queries[i : i + 1], k=K), 40)
    radius = milliseconds(lambda i: index.within(queries[i : i + 1], radius=0.3), 40)
    floats = queries.astype(np.float32)
    peer = milliseconds(lambda i: flat.search(floats[i : i + 1], K), 10)
    hits, hits10, near, near_found = 0, 0, 0, 0
    for query, exact in zip(queries, flat.search(floats, K)[0], strict=True):
        apart = [n.distance * SPEC.scale for n in index.nearest(query[None], k=K)]
        hits += sum(d <= exact[-1] + 0.5 for d in apart)
        apart = [n.distance * SPEC.scale for n in index.nearest(query[None], k=10)]
        hits10 += sum(d <= exact[9] + 0.5 for d in apart)
        close = int((exact <= 0.3 * SPEC.scale).sum())
        near += close
        near_found += min(close, len(index.within(query[None], radius=0.3)))
    candidates = 0.0
    row_bytes = SPEC.row_bytes + 8
    inner = index._index  # noqa: SLF001 - to show where the time goes
    if isinstance(inner, Candidates):
        vectors = ordering_vectors(SPEC, queries)
        candidates = milliseconds(
            lambda i: inner.near(vectors[i : i + 1], count=30 * K), 40
        )
        row_bytes = SPEC.dim // 8 + 8 + 8
    store.close()
    columns = [
        len(rows),
        f"{hits / len(queries) / K:.5f}",
        f"{hits10 / len(queries) / 10:.5f}",
        f"{ours:.2f}",
        f"{candidates:.2f}" if len(rows) > EXACT_ROWS else "exact",
        f"{peer:.1f}",
        f"{ours / peer:.2f}",
        f"{radius:.2f}",
        f"{near_found / max(1, near):.5f}",
        row_bytes,
        4 * SPEC.dim,
        f"{fill_s:.2f}",
        f"{store_s:.2f}",
    ]
    return "| " + " | ".join(map(str, columns)) + " |"


def milliseconds(call: Callable[[int], object], times: int) -> float:
    """Return the median time of a call with 0, 1, 2, ... ."""
    call(0)
    taken = []
    for number in range(times):
        start = time.perf_counter()
        call(number)
        taken.append(time.perf_counter() - start)
    return 1e3 * float(np.median(taken))


if __name__ == "__main__":
    main()
