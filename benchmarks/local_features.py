"""Crops and parts among 1,000 to 100,000 images: found, how fast, with how much memory.

    python benchmarks/local_features.py --images ~/Pictures

Photographs of the folder are in every library, with images drawn around them as
`drawn_descriptors` says, which also shows how hard those are. Copies are made of a
sample of the photographs, and as many others are strangers: not in the library,
searched as they are. Neither takes part in what is drawn.

A library goes the product's way: features in a store on disk, an index trained on a
sample of them and filled from the store, a snapshot, a service started from that. Each
of these has a process of its own, so that memory is what it alone took. Found is what
is among the 20 nearest matches at a distance of at most 0.5.

Times are medians, on a shared machine only ratios hold. Files were written just before,
so they are read from memory. What a million images cost is extrapolated: each cost is
fitted by ``a + b x``, neither negative, with the least relative errors, where ``x`` is
what it should grow with; a recall by a line over the logarithm of the size.
"""

import argparse
import hashlib
import json
import shutil
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from copies import Copies, Round, photographs
from copies_tally import Query
from drawn_descriptors import BLOCK, Drawing, feature_of, print_hardness
from numpy.typing import NDArray
from scipy.optimize import nnls
from tables import print_table

from ambience import registry
from ambience.core.features import ImageId, Rows
from ambience.core.keypoints import ROW, without_frames
from ambience.imaging import ImageFile
from ambience.imaging.edits import EDITS
from ambience.index.descriptors import DescriptorIndex
from ambience.index.quantizer import Quantizer, lists_for, sample_size
from ambience.index.snapshot import Snapshots
from ambience.multivector.examination import Examination
from ambience.multivector.training import estimated_rows, sampled
from ambience.service.following import Following
from ambience.store import FeatureStore

NAME = "local_features"
EDITED = (
    "crop 20 %",
    "crop 35 %",
    "crop 60 %",
    "thumbnail 64 px",
    "screenshot 240 px",
    "collage of nine",
    "mirrored half crop, recolored, text, JPEG 20",
)
STRANGER = "strangers"
K = 20  # what /reverse_search answers if not told otherwise
NEAR = 0.5  # distance of a match that counts
CANDIDATES = 100  # looked at closely, at most
NPROBE = (1, 2, 4, 8)
GOAL = 1_000_000  # images
DRAWN = 1_000_000_000  # the first id of a drawn image
STAGES = ("extraction", "index", "votes", "verification", "whole")
LOOKED_UP = 16_000  # descriptors at once: ten neighbours of 800, and of 800 mirrored

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Filling:
    """What it took to train and fill an index, in seconds and bytes."""

    descriptors: int
    train_s: float
    fill_s: float
    snapshot_s: float
    grown_bytes: int


@dataclass(slots=True)
class Outcome:
    """What became of one query.

    Attributes:
        edit: What was done to it.
        shown: Images that it shows.
        found: How many of them were found.
        false: How many others were claimed.
        ranks: By votes, of each that it shows, from 1; infinite if it has too few.
        ms: What each stage took.
        cut_short: Whether the time was up.
    """

    edit: str
    shown: tuple[int, ...]
    found: int
    false: int
    ranks: list[float]
    ms: dict[str, float]
    cut_short: bool


@dataclass(slots=True)
class Searching:
    """What a service did, from its start."""

    open_s: float
    first_s: float
    kind: str
    look_ups: float
    owners_bytes: float
    outcomes: list[Outcome] = field(default_factory=list)
    probed: list[list[str]] = field(default_factory=list)


class Stages:
    """Takes the time of methods while something calls them."""

    def __init__(self) -> None:
        self.ms: defaultdict[str, float] = defaultdict(float)
        self.last: dict[str, tuple[tuple[Any, ...], Any]] = {}

    def watch(self, owner: Any, method: str, name: str) -> None:
        """Take the time of a method from now on."""
        call = getattr(owner, method)

        def timed(*args: Any, **options: Any) -> Any:
            start = time.perf_counter()
            answer = call(*args, **options)
            self.ms[name] += 1e3 * (time.perf_counter() - start)
            self.last[name] = args, answer
            return answer

        setattr(owner, method, timed)


def main() -> None:
    """Fill, measure and print."""
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    add = parser.add_argument
    add("--images", type=Path, required=True, metavar="DIR")
    add("--sizes", default="1000,10000,100000", help="with commas; 57 KB an image")
    add("--sample", type=int, default=30, help="photographs to copy, at least 9")
    add("--threads", type=int, default=2, help="that share a search")
    add("--data", type=Path, help="keep libraries here; what is there is not refilled")
    options = parser.parse_args()
    sizes = sorted(int(size) for size in options.sizes.split(","))
    paths = photographs(options.images)
    order = np.random.default_rng(0).permutation(len(paths)).tolist()
    sample, strangers = (
        order[: options.sample],
        order[options.sample :][: options.sample],
    )
    others = order[2 * options.sample :]
    if options.sample < 9 or not others or sizes[0] < len(paths):
        sys.exit("too few photographs, too small a sample, or too small a library")
    edits = [edit for edit in EDITS if edit.name in EDITED]
    copies = Copies(paths, edits, seed=0)
    queries = list(copies.queries(Round(sample, [], strangers)))

    declared = registry.load(NAME)
    extractor = declared.make_extractor(declared.settings(), Path())
    real: dict[int, Rows] = {}
    for number, path in enumerate(paths):
        (feature,) = extractor.extract([ImageFile(path.read_bytes()).image])
        real[number] = feature.rows
    drawing = Drawing([real[number] for number in others])
    held_out = [real[number] for number in sample + strangers]
    print(f"{len(paths)} photographs: {len(sample)} copied, {len(strangers)} strangers")
    print_hardness([real[number] for number in others], held_out, drawing)
    indexed = {number: real[number] for number in sample + others}
    made_of = hashlib.sha256("\n".join(path.name for path in paths).encode())
    mark = f"{made_of.hexdigest()[:8]}-{options.sample}"
    with tempfile.TemporaryDirectory() as temporary:
        base = options.data or Path(temporary)
        found = {}
        for size in sizes:
            data = base / f"{size}-{mark}"
            folder = declared.folder(data)
            write(folder, size, indexed, drawing)
            filling = filled(folder)
            task = (data, queries, options.threads, size == sizes[-1])
            searching = apart(searched, *task)
            print_size(size, filling, searching, folder)
            found[size] = filling, searching, file_bytes(folder / "index")
    if len(sizes) > 1:
        print_goal(found)


def apart(call: Callable[..., T], *args: Any) -> T:
    """Call in a fresh process."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(call, *args).result()


def opened(folder: Path) -> FeatureStore:
    """Open the store of a library."""
    declared = registry.load(NAME)
    extractor = declared.make_extractor(declared.settings(), Path())
    return FeatureStore(folder / "store.lmdb", extractor.spec)


def write(folder: Path, size: int, real: dict[int, Rows], drawing: Drawing) -> None:
    """Write real images, and drawn ones until there are ``size``."""
    start = time.perf_counter()
    with opened(folder) as store:
        if len(store) == size:
            return
        store.put({ImageId(number): feature_of(rows) for number, rows in real.items()})
        for first in range(0, size - len(real), BLOCK):
            images = drawing.images(first // BLOCK)[: size - len(real) - first]
            store.put(
                {
                    ImageId(DRAWN + number): feature_of(rows)
                    for number, rows in enumerate(images, first)
                }
            )
    took_s = time.perf_counter() - start
    print(f"\n{size} images drawn and stored in {took_s:.0f} s", flush=True)


def filled(folder: Path) -> Filling:
    """Train and fill, unless that is done; return what it took."""
    figures = folder / "figures.json"
    if figures.exists():
        return Filling(**json.loads(figures.read_text(encoding="utf-8")))
    shutil.rmtree(folder / "index", ignore_errors=True)
    quantizer, train_s = apart(trained, folder)
    print(f"trained {quantizer.kind} in {train_s:.0f} s", flush=True)
    filling = apart(filled_with, folder, quantizer, train_s)
    figures.write_text(json.dumps(asdict(filling)), encoding="utf-8")
    return filling


def trained(folder: Path) -> tuple[Quantizer, float]:
    """Train as `Trainer` does; also return the seconds."""
    with opened(folder) as store:
        start = time.perf_counter()
        count = estimated_rows(store)
        quantizer = Quantizer.trained(sampled(store, sample_size(count)), count)
        return quantizer, time.perf_counter() - start


def filled_with(folder: Path, quantizer: Quantizer, train_s: float) -> Filling:
    """Fill an index from the store and write its snapshot."""
    warm = np.zeros((4_096, ROW.itemsize), np.uint8)
    DescriptorIndex(quantizer).replace((), [ImageId(0)] * len(warm), warm)
    with opened(folder) as store:
        before, start = private_bytes(), time.perf_counter()
        following = Following(
            NAME,
            store,
            DescriptorIndex(),
            snapshots=Snapshots(folder / "index"),
            wanted=lambda changes: without_frames(changes.rows),
            fresh=lambda: DescriptorIndex(quantizer),
        )
        fill_s, grown = time.perf_counter() - start, private_bytes() - before
        start = time.perf_counter()
        following.close()
        snapshot_s = time.perf_counter() - start
        return Filling(len(following.index), train_s, fill_s, snapshot_s, grown)


def private_bytes() -> int:
    """Return what this process holds in memory that is not in files; on Linux."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    (line,) = (line for line in lines if line.startswith("RssAnon"))
    return 1024 * int(line.split()[1])


def file_bytes(folder: Path) -> int:
    """Return how large the files below a folder are."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def searched(
    data: Path,
    queries: Sequence[Query],
    threads: int,
    probing: bool,  # noqa: FBT001 -- a process takes no options by name
) -> Searching:
    """Start a service and search with every query."""
    declared = registry.load(NAME)
    settings = declared.settings(threads=threads, max_candidates=CANDIDATES)
    images = [ImageFile(query.data).image for query in queries]
    start = time.perf_counter()
    service: Any = declared.open(settings, data)
    open_s = time.perf_counter() - start
    service.search(images[0], k=K)
    first_s = time.perf_counter() - start
    index = service._following.index  # noqa: SLF001 -- to see where the time goes
    look_ups, owners_bytes = owners_cost(index)
    result = Searching(open_s, first_s, index.kind, look_ups, owners_bytes)
    stages = Stages()
    stages.watch(service.extractor, "query", "extraction")
    stages.watch(index, "_nearest", "index")
    stages.watch(index, "votes", "votes")
    stages.watch(Examination, "look_at", "verification")
    asked = []
    for query, image in zip(queries, images, strict=True):
        stages.ms.clear()
        start = time.perf_counter()
        answer = service.search(image, k=K)
        ms = {**dict.fromkeys(STAGES, 0.0), **stages.ms}
        ms["whole"] = 1e3 * (time.perf_counter() - start)
        ms["votes"] -= ms["index"]
        near = {match.image_id for match in answer.matches if match.distance <= NEAR}
        args, candidates = stages.last["votes"]
        asked.append((query, args))
        result.outcomes.append(
            Outcome(
                query.edit or STRANGER,
                query.shown,
                len(near & {*query.shown}),
                len(near - {*query.shown}),
                ranks(query, candidates),
                ms,
                "time" in answer.note,
            )
        )
    if probing:
        for nprobe in NPROBE:
            result.probed.append(probed(index, stages, asked, nprobe, threads))
    service.close()
    return result


def ranks(query: Query, candidates: Sequence[Any]) -> list[float]:
    """Return where the images that a query shows are among its candidates."""
    ids = list(dict.fromkeys(candidate.image_id for candidate in candidates))
    return [ids.index(own) + 1 if own in ids else np.inf for own in query.shown]


def probed(
    index: Any,
    stages: Stages,
    asked: Sequence[tuple[Query, tuple[Any, ...]]],
    nprobe: int,
    threads: int,
) -> list[str]:
    """Return what becomes of the votes with another ``nprobe``, as cells."""
    found: dict[str, list[float]] = {name: [] for name in EDITED}
    took = []
    for query, (rows, versions) in asked:
        stages.ms.clear()
        candidates = index.votes(
            rows, versions, count=CANDIDATES, nprobe=nprobe, threads=threads
        )
        took.append(stages.ms["index"])
        if query.edit:
            found[query.edit] += ranks(query, candidates)
    kept = [f"{np.isfinite(own).mean():.3f}" for own in found.values()]
    return [str(nprobe), *kept, f"{np.median(took):.0f}"]


def owners_cost(index: Any) -> tuple[float, float]:
    """Return look-ups a second, and bytes an image."""
    owners = index._owners  # noqa: SLF001 -- it has no other user
    numbers = np.random.default_rng(0).integers(owners.count, size=(50, LOOKED_UP))
    start = time.perf_counter()
    for some in numbers:
        owners.of(some)
    a_second = numbers.size / (time.perf_counter() - start)
    with tempfile.TemporaryDirectory() as folder:
        owners.save(Path(folder))
        return a_second, file_bytes(Path(folder)) / owners.count


def print_size(size: int, filling: Filling, searching: Searching, folder: Path) -> None:
    """Print everything about a library of one size."""
    print(f"\n## {size} images, {filling.descriptors} descriptors, {searching.kind}\n")
    rows = []
    for edit in (*EDITED, STRANGER):
        own = [outcome for outcome in searching.outcomes if outcome.edit == edit]
        place = np.array([rank for outcome in own for rank in outcome.ranks])
        row = [edit, "", "", "", ""]
        if len(place):
            far = np.quantile(place, (0.5, 0.95), method="higher")
            row[1:] = [recall(own), *(f"{n:.0f}" for n in far)]
            row.append(f"{np.isfinite(place).mean():.3f}")
        row.append(str(sum(outcome.false for outcome in own)))
        row.append(f"{np.median([outcome.ms['whole'] for outcome in own]):.0f}")
        rows.append(row)
    headings = ["edit", "found", "rank by votes", "95 %", f"in {CANDIDATES}"]
    print_table([*headings, "false", "ms"], rows)
    cut = sum(outcome.cut_short for outcome in searching.outcomes)
    print(f"\nOne search, ms; {cut} of {len(searching.outcomes)} ran out of time")
    taken = {n: [outcome.ms[n] for outcome in searching.outcomes] for n in STAGES}
    rows = [
        [str(round(q, 2)), *(f"{np.quantile(ms, q):.0f}" for ms in taken.values())]
        for q in (0.5, 0.95)
    ]
    print_table(["quantile", *STAGES], rows)
    print()
    count = filling.descriptors
    rows = [
        ["training", f"{filling.train_s:.1f} s"],
        ["fill", f"{filling.fill_s:.1f} s, {count / filling.fill_s:,.0f} a second"],
        ["snapshot", f"{filling.snapshot_s:.1f} s"],
        ["memory while it grows", f"{filling.grown_bytes / count:.1f} B a descriptor"],
        ["snapshot file", f"{file_bytes(folder / 'index') / count:.1f} B a descriptor"],
        [
            "store file",
            f"{(folder / 'store.lmdb').stat().st_size / size:,.0f} B an image",
        ],
        ["owners", f"{searching.look_ups:,.0f} look-ups a second"],
        ["owners", f"{searching.owners_bytes:.1f} B an image"],
        ["start from the snapshot", f"{searching.open_s:.2f} s"],
        ["to the first answer", f"{searching.first_s:.2f} s"],
    ]
    print_table(["what", "cost"], rows)
    if searching.probed:
        print(f"\nShown images among {CANDIDATES} by votes, and ms in the index")
        print_table(["nprobe", *EDITED, "ms"], searching.probed)
    sys.stdout.flush()


def recall(outcomes: Sequence[Outcome]) -> str:
    """Return which share of the images shown was found."""
    shown = sum(len(outcome.shown) for outcome in outcomes)
    return f"{sum(outcome.found for outcome in outcomes) / shown:.3f}"


def fitted(x: NDArray[np.float64], y: NDArray[np.float64], goal: float) -> float:
    """Return ``a + b x`` at ``goal``; neither is negative."""
    terms = np.stack([np.ones_like(x), x], axis=1) / y[:, None]
    return float(nnls(terms, np.ones_like(y))[0] @ (1.0, goal))


def print_goal(found: dict[int, tuple[Filling, Searching, int]]) -> None:
    """Print what was measured at each size, and what to expect of a million."""
    sizes = np.array([*found, GOAL], np.float64)
    counts = np.array([filling.descriptors for filling, _, _ in found.values()])
    count = np.append(counts, counts[-1] * GOAL / sizes[-2]).astype(np.float64)
    lists = np.array([lists_for(int(n)) for n in count], np.float64)
    nprobe = np.maximum(4, 2_048 // lists)
    grows = {
        "images": sizes,
        "lists": lists,
        "lists squared": lists**2,
        "lists and entries compared": lists + nprobe * count / lists,
        "logarithm of images": np.log10(sizes),
    }
    costs: list[tuple[str, str, list[float], str]] = []

    def cost(name: str, driver: str, form: str, of: Callable[..., float]) -> None:
        costs.append((name, driver, [of(*own) for own in found.values()], form))

    cost("training, s", "lists squared", ".0f", lambda f, _, __: f.train_s)
    cost(
        "fill, us a descriptor",
        "lists",
        ".1f",
        lambda f, _, __: 1e6 * f.fill_s / f.descriptors,
    )
    cost("memory, GB", "images", ".2f", lambda f, _, __: f.grown_bytes / 1e9)
    cost("snapshot, GB", "images", ".2f", lambda _, __, size: size / 1e9)
    cost("start, s", "images", ".2f", lambda _, s, __: s.open_s)
    drivers = dict.fromkeys(STAGES[:-1], "logarithm of images")
    drivers["index"] = "lists and entries compared"
    for stage, driver in drivers.items():
        cost(
            f"{stage}, ms",
            driver,
            ".0f",
            lambda _, s, __, n=stage: float(np.median([o.ms[n] for o in s.outcomes])),
        )
    rows = []
    for name, driver, values, form in costs:
        x = grows[driver]
        at_goal = fitted(x[:-1], np.array(values), float(x[-1]))
        told = [f"{value:{form}}" for value in (*values, at_goal)]
        rows.append([name, *told, driver])
    for edit in EDITED:
        shares = [
            float(recall([o for o in searching.outcomes if o.edit == edit]))
            for _, searching, _ in found.values()
        ]
        line = np.polyfit(np.log10(sizes[:-1]), shares, 1)
        at_goal = float(np.clip(np.polyval(line, np.log10(GOAL)), 0, 1))
        told = [f"{share:.3f}" for share in (*shares, at_goal)]
        rows.append([edit, *told, "logarithm of images"])
    print(f"\n## {GOAL} images, {count[-1]:.3g} descriptors, {lists[-1]:.0f} lists\n")
    headings = ["cost or recall", *(f"{n:.0f}" for n in sizes), "grows with"]
    print_table(headings, rows)


if __name__ == "__main__":
    main()
