"""Images drawn around real ones, and libraries of as many as a benchmark needs.

A drawn image has the places of one photograph's keypoints, jittered, and the
descriptors, scales and angles of another's, jittered too; so it repeats itself as a
photograph does. That other one may be mirrored, a negative, or both: which are as
strange to a query as photographs are. Each descriptor is blended from three real ones:
that of the photograph, one of its ten nearest among all photographs but its own, and
one of that one's ten nearest in turn. Every one of the 4 x 4 cells has its own shares
of the three, which change smoothly across the patch and at random from cell to cell;
histograms of gradients add up, and descriptors are their roots.

Whether that is as hard as real photographs is measured each time by photographs that
took no part: how near the nearest stranger comes, and how many votes the best gathers.
"""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray
from tables import print_table

from ambience import registry
from ambience.core.features import Feature, ImageId, Rows
from ambience.core.keypoints import DESCRIPTOR_DIM, ROW, STEPS, TURN, without_frames
from ambience.engine.embedded.descriptors.descriptor_index import DescriptorIndex
from ambience.engine.embedded.descriptors.quantizer import Quantizer, sample_size
from ambience.engine.embedded.descriptors.training import estimated_rows, sampled
from ambience.engine.embedded.index_follower import IndexFollower
from ambience.engine.embedded.snapshots import Snapshots
from ambience.engine.embedded.store import FeatureStore
from ambience.service.keypoints import votes
from ambience.services.local_features.extract import STORED_KEYPOINTS, RootSift

NAME = "local_features"
DRAWN = 1_000_000_000  # the first id of a drawn image

ACROSS, DOWN, BINS = 4, 4, 8  # of a descriptor
FACES = 4  # of a photograph: upright, mirrored, and the negatives of both
PARENTS = 3  # with one, a descriptor would be a copy; crossed with one, it is too far
NEAR = 10  # of a descriptor, from which the next parent is drawn
SLOPE = 0.5  # of the logarithms of shares, a cell
OWN = 1.0  # more of the photograph's: its images then gather more votes
GRAIN = 0.5  # of the same, from cell to cell; with 1, the nearest is 1 % farther
PLACE_JITTER = 0.02  # of the sides
SCALE_JITTER = 512  # steps: an eighth of an octave
ANGLE_JITTER = TURN / 72  # five degrees
BLOCK = 64  # images drawn at once: arrays of 13 MB
QUERIES = 3_000  # descriptors that the nearest is looked for
QUANTILES = (1, 5, 25, 50, 75, 95)
PROBED = 10_000  # drawn rows compared at once

_CELLS = np.stack(np.meshgrid(np.arange(4), np.arange(4), indexing="ij"))
_CELLS = (_CELLS.reshape(2, -1) - 1.5).astype(np.float32)  # from the middle

Floats = NDArray[np.float32]


class Drawing:
    """Draws images from the features of photographs.

    Args:
        photographs: Rows of each, frame first; those without keypoints are left out.
        seed: Equal seeds draw equal images.
    """

    def __init__(self, photographs: Sequence[Rows], *, seed: int = 0) -> None:
        packed = [np.ascontiguousarray(rows).view(ROW)[:, 0] for rows in photographs]
        packed = [rows for rows in packed if len(rows) > 1]
        bodies = [rows[1:][np.argsort(rows["scale"][1:])] for rows in packed]
        counts = np.array([len(own) for own in bodies])
        upright = np.concatenate(bodies)
        self._seed = seed
        self._frames = np.concatenate([rows[:1] for rows in packed] * FACES)
        self._counts = np.tile(counts, FACES)
        self._starts = np.cumsum(self._counts) - self._counts
        self._rows = faces(upright)
        self._near = near_strangers(
            self._rows["descriptor"], np.repeat(np.arange(len(bodies)), counts)
        )
        unit = self._rows["descriptor"].astype(np.float32) / np.float32(RootSift.unit)
        self._shares = (unit**2).reshape(-1, ACROSS * DOWN, BINS)

    def images(self, block: int) -> list[Rows]:
        """Return the rows of `BLOCK` images, frames first; of each block others."""
        rng = np.random.default_rng([self._seed, block])
        places, content = rng.integers(len(self._frames), size=(2, BLOCK))
        counts = self._counts[content]
        image = np.repeat(np.arange(BLOCK), counts)
        rank = np.arange(len(image)) - np.repeat(np.cumsum(counts) - counts, counts)
        share = (rank + 0.5) / counts[image]  # rows are by scale: fine ones stay so
        others = self._starts[places[image]]
        others += (share * self._counts[places[image]]).astype(np.int64)
        chosen = self._starts[content[image]] + rank
        drawn = self._jittered(others, chosen, rng)
        drawn["descriptor"] = self._blended(chosen, rng)
        bodies = np.split(drawn, np.cumsum(counts)[:-1])
        return [
            np.concatenate([self._frames[own : own + 1], body])
            .view(np.uint8)
            .reshape(-1, ROW.itemsize)
            for own, body in zip(places.tolist(), bodies, strict=True)
        ]

    def _jittered(
        self,
        places: NDArray[np.int64],
        content: NDArray[np.int64],
        rng: np.random.Generator,
    ) -> NDArray[np.void]:
        """Return keypoints about as large and turned, in about other places."""
        rows = self._rows[content]
        for axis in ("x", "y"):
            jitter = rng.normal(0, PLACE_JITTER * STEPS, len(rows))
            moved = self._rows[axis][places] + jitter
            rows[axis] = np.clip(moved, 0, STEPS).astype(np.uint16)
        scales = rows["scale"] + rng.normal(0, SCALE_JITTER, len(rows))
        rows["scale"] = np.clip(scales, 1, STEPS).astype(np.uint16)
        angles = rows["angle"] + rng.normal(0, ANGLE_JITTER, len(rows))
        rows["angle"] = (angles.astype(np.int64) % TURN).astype(np.uint16)
        return rows

    def _blended(
        self, chosen: NDArray[np.int64], rng: np.random.Generator
    ) -> NDArray[np.uint8]:
        """Return descriptors, each of a real one and others that look like it."""
        count = len(chosen)
        slopes = rng.standard_normal((PARENTS, count, 2), np.float32)
        weights = rng.standard_normal((PARENTS, count, ACROSS * DOWN), np.float32)
        weights *= np.float32(GRAIN)
        weights += np.float32(SLOPE) * (slopes @ _CELLS)
        weights[0] += OWN
        np.exp(weights, out=weights)
        weights /= weights.sum(axis=0)
        shares = weights[0, ..., None] * self._shares[chosen]
        for own in weights[1:]:
            chosen = self._near[chosen, rng.integers(NEAR, size=count)]
            shares += own[..., None] * self._shares[chosen]
        roots = np.sqrt(shares.reshape(count, DESCRIPTOR_DIM))
        roots *= RootSift.unit / np.linalg.norm(roots, axis=1, keepdims=True)
        return np.minimum(np.rint(roots), 255).astype(np.uint8)


def faces(rows: NDArray[np.void]) -> NDArray[np.void]:
    """Return keypoints as they are, mirrored, of the negative, and both.

    Held-out descriptors find these as near as those of other photographs: a mirrored
    photograph is as good a stranger as any. In a negative, directions turn by half, so
    the patch is seen upside down, its directions as before.

    Args:
        rows: Of keypoints, shape ``(n,)``.

    Returns:
        Shape ``(FACES * n,)``.
    """
    upright = rows["descriptor"]
    upside_down = upright.reshape(-1, ACROSS, DOWN, BINS)[:, ::-1, ::-1]
    negative = np.ascontiguousarray(upside_down).reshape(-1, DESCRIPTOR_DIM)
    angles = rows["angle"].astype(np.int64)
    sift = RootSift()
    shown = (
        (upright, angles),
        (sift.mirrored(upright, None), TURN // 2 - angles),
        (negative, angles + TURN // 2),
        (sift.mirrored(negative, None), -angles),
    )
    made = np.concatenate([rows] * FACES)
    made["descriptor"] = np.concatenate([descriptors for descriptors, _ in shown])
    made["angle"] = np.concatenate([turned % TURN for _, turned in shown])
    return made


def near_strangers(
    descriptors: NDArray[np.uint8], photographs: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the `NEAR` nearest of other photographs, shape ``(FACES * n, NEAR)``.

    Where so many are not found, they repeat; where none is, it is the descriptor.

    Args:
        descriptors: As of `faces`, shape ``(FACES * n, 128)``.
        photographs: Whose each upright one is, shape ``(n,)``.
    """
    vectors = descriptors.astype(np.float32)
    count = len(photographs)
    index: Any = faiss.index_factory(DESCRIPTOR_DIM, f"IVF{max(1, count // 100)},Flat")
    index.train(vectors[:count])
    index.add(vectors)
    index.nprobe = 16
    _, found = index.search(vectors[:count], min(len(vectors), 4 * NEAR))
    usable = (found >= 0) & (photographs[found % count] != photographs[:, None])
    first = np.argsort(~usable, axis=1, kind="stable")
    counts = usable.sum(axis=1)[:, None]
    columns = np.arange(NEAR) % np.maximum(counts, 1)
    near = np.take_along_axis(found, np.take_along_axis(first, columns, 1), 1)
    near = np.where(counts > 0, near, np.arange(count)[:, None])
    # what is near an upright one is so, too, where both are mirrored or negatives
    face, own = np.divmod(near, count)
    return np.concatenate([(face ^ other) * count + own for other in range(FACES)])


def print_hardness(
    real: Sequence[Rows], held_out: Sequence[Rows], drawing: Drawing
) -> None:
    """Print how near strangers come to photographs that nothing was drawn from.

    Args:
        real: Rows of the photographs that images are drawn from.
        held_out: Rows of others.
        drawing: Draws.
    """
    rng = np.random.default_rng(0)
    queries = body(np.concatenate(held_out))["descriptor"]
    wanted = queries[rng.permutation(len(queries))[:QUERIES]].astype(np.float32)
    order = [real[n] for n in rng.permutation(len(real)).tolist()]
    turned = [own for rows in order for own in turned_faces(rows)]
    everything = order + [turned[n] for n in rng.permutation(len(turned)).tolist()]
    blocks = range(8 * len(real) // BLOCK + 1)
    drawn = [rows for block in blocks for rows in drawing.images(block)]
    steps = [len(real) * 2**power // 8 for power in range(7)]
    by_kind = {
        "real": nearest(wanted, everything, [n for n in steps if n <= len(everything)]),
        "drawn": nearest(wanted, drawn, steps),
    }
    print("\nHow far the nearest stranger is from held-out descriptors, of length 1")
    print_table(
        ["images", "strangers", *(f"{q} %" for q in QUANTILES)],
        [
            [str(n), kind, *(f"{d:.3f}" for d in np.percentile(found[n], QUANTILES))]
            for n in (len(real), 4 * len(real))
            for kind, found in by_kind.items()
        ],
    )
    print_shrinking(by_kind["real"], by_kind["drawn"])
    print("\nVotes of the stranger with most, for held-out images as queries")
    rows = []
    for count in (len(real) // 2, len(real), 4 * len(real)):
        for kind, images in (("real", everything), ("drawn", drawn)):
            best = best_votes(images[:count], held_out)
            told = [f"{v:.2f}" for v in np.percentile(best, (25, 50, 75, 95, 100))]
            rows.append([str(count), kind, *told])
    headings = ["images", "index of", "25 %", "50 %", "75 %", "95 %", "most"]
    print_table(headings, rows)
    print(f"Past {len(real)}, real ones are also mirrored, negatives, and both.")


def turned_faces(rows: Rows) -> list[Rows]:
    """Return a photograph mirrored, as a negative, and both; rows, frame first."""
    packed = np.ascontiguousarray(rows).view(ROW)[:, 0]
    shown = np.split(faces(packed[1:]), FACES)[1:]
    whole = [np.concatenate([packed[:1], own]) for own in shown]
    return [own.view(np.uint8).reshape(-1, ROW.itemsize) for own in whole]


def print_shrinking(real: dict[int, Floats], drawn: dict[int, Floats]) -> None:
    """Print medians as images double; of real ones as they would go on, in brackets."""
    print("\nThe same as images double: median, and what each doubling leaves of it")
    medians = {n: float(np.median(far)) for n, far in real.items()}
    ours = {n: float(np.median(far)) for n, far in drawn.items()}
    counts = np.log2(list(medians))
    slope, start = np.polyfit(counts, np.log2(list(medians.values())), 1)
    rows, before = [], 0
    for n in drawn:
        known = medians.get(n, float(2 ** (start + slope * np.log2(n))))
        rows.append(
            [
                str(n),
                f"{known:.3f}" if n in medians else f"({known:.3f})",
                f"{known / medians[before]:.3f}" if before and n in medians else "",
                f"{ours[n]:.3f}",
                f"{ours[n] / ours[before]:.3f}" if before else "",
                f"{ours[n] / known:.3f}",
            ]
        )
        before = n
    print_table(["images", "real", "left", "drawn", "left", "drawn / real"], rows)


def nearest(
    queries: Floats, images: Sequence[Rows], steps: Sequence[int]
) -> dict[int, Floats]:
    """Return distances to the nearest descriptor of the first so many images."""
    least: Floats = np.full(len(queries), np.inf, np.float32)
    found, start = {}, 0
    for step in steps:
        rows = body(np.concatenate(images[start:step]))["descriptor"]
        for first in range(0, len(rows), PROBED):
            part = rows[first : first + PROBED].astype(np.float32)
            least = np.minimum(least, faiss.knn(queries, part, 1)[0][:, 0])
        found[step] = (np.sqrt(np.maximum(least, 0)) / RootSift.unit).astype(np.float32)
        start = step
    return found


def best_votes(images: Sequence[Rows], queries: Sequence[Rows]) -> NDArray[np.float64]:
    """Return the votes that the best image has for each query."""
    rows = np.concatenate(images)
    owners = np.repeat(np.arange(len(images)), [len(own) for own in images])
    kept = without_frames(rows)
    rows, owners = rows[kept], owners[kept]
    rng = np.random.default_rng(0)
    sample = rows[rng.permutation(len(rows))[: sample_size(len(rows))]]
    index = DescriptorIndex(Quantizer.trained(sample, len(rows)))
    index.replace((), [ImageId(n) for n in owners.tolist()], rows)
    unlike, best = votes.UNLIKE_SHARE * RootSift.unit, []
    for query in queries:
        own = query[without_frames(query)]
        near, one = index.nearest(own, k=votes.NEIGHBORS), np.zeros(len(own), np.int64)
        ballots = votes.Ballots.of(own, one, near)
        found = votes.candidates(ballots, count=1, unlike=unlike)
        best.append(found[0].votes if found else 0.0)
    return np.array(best)


def body(rows: Rows) -> NDArray[np.void]:
    """Return the keypoints of images as an array of `ROW`, without frames."""
    return np.ascontiguousarray(rows[without_frames(rows)]).view(ROW)[:, 0]


def opened(folder: Path) -> FeatureStore:
    """Open the store of a library."""
    declared = registry.load(NAME)
    extractor = declared.make_extractor(declared.settings(), Path())
    return FeatureStore(folder / "store.lmdb", extractor.spec)


def write(folder: Path, size: int, real: Mapping[int, Rows], drawing: Drawing) -> None:
    """Write real images, and drawn ones until there are ``size``."""
    start = time.perf_counter()
    with opened(folder) as store:
        if len(store) == size:
            return
        put(store, real)
        for first in range(0, size - len(real), BLOCK):
            images = drawing.images(first // BLOCK)[: size - len(real) - first]
            put(store, dict(enumerate(images, DRAWN + first)))
    took_s = time.perf_counter() - start
    print(f"\n{size} images drawn and stored in {took_s:.0f} s", flush=True)


def put(store: FeatureStore, images: Mapping[int, Rows]) -> None:
    """Keep rows, frame first, of the quality that they have."""
    store.put(
        {
            ImageId(number): Feature(rows, min(1.0, (len(rows) - 1) / STORED_KEYPOINTS))
            for number, rows in images.items()
        }
    )


def trained(folder: Path) -> tuple[Quantizer, float]:
    """Train as `Trainer` does; also return the seconds."""
    with opened(folder) as store:
        start = time.perf_counter()
        count = estimated_rows(store)
        quantizer = Quantizer.trained(sampled(store, sample_size(count)), count)
        return quantizer, time.perf_counter() - start


def filled(
    folder: Path, quantizer: Quantizer, threads: int
) -> tuple[int, float, float, int]:
    """Fill an index from the store and write its snapshot.

    Returns:
        How many descriptors it has, seconds of filling and of writing, and bytes of
        memory that it took.
    """
    warm = np.zeros((4_096, ROW.itemsize), np.uint8)
    DescriptorIndex(quantizer).replace((), [ImageId(0)] * len(warm), warm)
    with opened(folder) as store:
        before, start = private_bytes(), time.perf_counter()
        follower = IndexFollower(
            NAME,
            store,
            DescriptorIndex(),
            snapshots=Snapshots(folder / "index"),
            wanted=lambda changes: without_frames(changes.rows),
            fresh=lambda: DescriptorIndex(quantizer, threads=threads),
        )
        fill_s, grown = time.perf_counter() - start, private_bytes() - before
        start = time.perf_counter()
        follower.close()
        return len(follower.index), fill_s, time.perf_counter() - start, grown


def private_bytes() -> int:
    """Return what this process holds in memory that is not in files; on Linux."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    (line,) = (line for line in lines if line.startswith("RssAnon"))
    return 1024 * int(line.split()[1])
