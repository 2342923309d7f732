"""Crops and parts among 1,000 to 100,000 images: found, how fast, with how much memory.

    python benchmarks/local_features.py --images ~/Pictures

Photographs of the folder are in every library, with images drawn around them as
`drawn_descriptors` says, which also shows how hard those are. Copies are made of a
sample of the photographs, and as many others are strangers: not in the library,
searched as they are. Neither takes part in what is drawn.

A library goes the product's way: a store on disk, an index trained on a sample of it,
a snapshot, a service started from that. Each has a process of its own, so that memory
is what it alone took. Found is what is among the 20 nearest matches within 0.5.

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
from copies import Copies, Round
from copies_system import photographs
from copies_tally import Query
from drawn_descriptors import NAME, Drawing, filled, print_hardness, trained, write
from numpy.typing import NDArray
from scipy.optimize import nnls
from tables import print_table

from ambience import registry
from ambience.engine.embedded.descriptors.quantizer import lists_for
from ambience.imaging import ImageFile
from ambience.imaging.edits import EDITS
from ambience.service import SearchRequest
from ambience.service.keypoints import KeypointOptions
from ambience.service.keypoints.verification import Verification

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
K = 20  # what /api/reverse_search answers if not told otherwise
NEAR = 0.5  # distance of a match that counts
CANDIDATES = 100  # verified at most
NPROBE = (1, 2, 4, 8)
GOAL = 1_000_000  # images
STAGES = ("extraction", "index", "votes", "verification", "whole")
LOOKED_UP = 16_000  # descriptors at once: ten neighbours of 800, and of 800 mirrored

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Filling:
    """What it took to train and fill an index, in seconds and bytes."""

    train_s: float
    descriptors: int
    fill_s: float
    snapshot_s: float
    grown_bytes: int


@dataclass(slots=True)
class Outcome:
    """What became of one query."""

    edit: str
    shown: tuple[int, ...]  # images
    found: int
    false: int  # others that were claimed
    ranks: list[float]  # of each shown by votes, from 1; infinite: it has too few
    ms: dict[str, float]  # by stage
    cut_short: bool  # whether the time was up


@dataclass(slots=True)
class Searching:
    """What a service did, from its start."""

    open_s: float
    first_s: float
    kind: str
    look_ups: float
    groups_bytes: float
    outcomes: list[Outcome] = field(default_factory=list)
    probed: list[list[str]] = field(default_factory=list)


class Stages:
    """Takes the time of methods while something calls them."""

    def __init__(self) -> None:
        self.ms: defaultdict[str, float] = defaultdict(float)
        self.last: dict[str, tuple[Any, Any]] = {}

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
    add("--threads", type=int, default=2, help="that share a search or a fill")
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
    images = (ImageFile(path.read_bytes()).image for path in paths)
    real = {n: extractor.extract([own])[0].rows for n, own in enumerate(images)}
    drawing = Drawing([real[number] for number in others])
    held_out = [real[number] for number in sample + strangers]
    print(f"{len(paths)} photographs, {len(sample)} copied, {len(strangers)} strangers")
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
            filling = filling_of(folder, options.threads)
            probing = size == sizes[-1]
            searching = apart(searched, data, queries, options.threads, probing)
            print_size(size, filling, searching, folder)
            found[size] = filling, searching, file_bytes(folder / "index")
    if len(sizes) > 1:
        print_goal(found)


def apart(call: Callable[..., T], *args: Any) -> T:
    """Call in a fresh process."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(call, *args).result()


def filling_of(folder: Path, threads: int) -> Filling:
    """Train and fill, unless that is done; return what it took."""
    figures = folder / "figures.json"
    if figures.exists():
        return Filling(**json.loads(figures.read_text(encoding="utf-8")))
    shutil.rmtree(folder / "index", ignore_errors=True)
    quantizer, train_s = apart(trained, folder)
    print(f"trained {quantizer.kind} in {train_s:.0f} s", flush=True)
    filling = Filling(train_s, *apart(filled, folder, quantizer, threads))
    figures.write_text(json.dumps(asdict(filling)), encoding="utf-8")
    return filling


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
    service.search(images[0], SearchRequest(k=K))
    first_s = time.perf_counter() - start
    index = service._collection._follower.index  # noqa: SLF001 -- where the time goes
    look_ups, groups_bytes = groups_cost(index)
    result = Searching(open_s, first_s, index.kind, look_ups, groups_bytes)
    stages = Stages()
    stages.watch(service.extractor, "query", "extraction")
    stages.watch(index, "_nearest", "index")
    stages.watch(service, "_candidates", "votes")
    stages.watch(Verification, "verify", "verification")
    asked = []
    for query, image in zip(queries, images, strict=True):
        stages.ms.clear()
        start = time.perf_counter()
        answer = service.search(image, SearchRequest(k=K))
        ms = {**dict.fromkeys(STAGES, 0.0), **stages.ms}
        ms["whole"] = 1e3 * (time.perf_counter() - start)
        ms["votes"] -= ms["index"]
        near = {match.image_id for match in answer.matches if match.distance <= NEAR}
        args, candidates = stages.last.pop("votes", (None, []))
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
            result.probed.append(probed(service, stages, asked, nprobe))
    service.close()
    return result


def ranks(query: Query, candidates: Sequence[Any]) -> list[float]:
    """Return where the images that a query shows are among its candidates."""
    ids = list(dict.fromkeys(candidate.image_id for candidate in candidates))
    return [ids.index(own) + 1 if own in ids else np.inf for own in query.shown]


def probed(
    service: Any,
    stages: Stages,
    asked: Sequence[tuple[Query, Any]],
    nprobe: int,
) -> list[str]:
    """Return what becomes of the votes with another ``nprobe``, as cells."""
    found: dict[str, list[float]] = {name: [] for name in EDITED}
    took = []
    options = KeypointOptions(nprobe=nprobe, max_candidates=CANDIDATES)
    for query, args in asked:
        stages.ms.clear()
        candidates = service._candidates(args[0], options) if args else []  # noqa: SLF001 -- timed
        took.append(stages.ms["index"])
        if query.edit:
            found[query.edit] += ranks(query, candidates)
    kept = [f"{np.isfinite(own).mean():.3f}" for own in found.values()]
    return [str(nprobe), *kept, f"{np.median(took):.0f}"]


def groups_cost(index: Any) -> tuple[float, float]:
    """Return look-ups a second, and bytes an image."""
    groups = index._groups  # noqa: SLF001 -- it has no other user
    numbers = np.random.default_rng(0).integers(groups.count, size=(50, LOOKED_UP))
    start = time.perf_counter()
    for some in numbers:
        groups.image_ids(some)
    a_second = numbers.size / (time.perf_counter() - start)
    with tempfile.TemporaryDirectory() as folder:
        groups.save(Path(folder))
        return a_second, file_bytes(Path(folder)) / groups.count


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
            row[1:] = [f"{recall(own):.3f}", *(f"{n:.0f}" for n in far)]
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
    count, files = filling.descriptors, file_bytes(folder / "index")
    store = (folder / "store.lmdb").stat().st_size
    print()
    rows = [
        ["training", f"{filling.train_s:.1f} s"],
        ["fill", f"{filling.fill_s:.1f} s, {count / filling.fill_s:,.0f} a second"],
        ["snapshot", f"{filling.snapshot_s:.1f} s"],
        ["memory while it grows", f"{filling.grown_bytes / count:.1f} B a descriptor"],
        ["snapshot file", f"{files / count:.1f} B a descriptor"],
        ["store file", f"{store / size:,.0f} B an image"],
        ["descriptor groups", f"{searching.look_ups:,.0f} look-ups a second"],
        ["descriptor groups", f"{searching.groups_bytes:.1f} B an image"],
        ["start from the snapshot", f"{searching.open_s:.2f} s"],
        ["to the first answer", f"{searching.first_s:.2f} s"],
    ]
    print_table(["what", "cost"], rows)
    if searching.probed:
        print(f"\nShown images among {CANDIDATES} by votes, and ms in the index")
        print_table(["nprobe", *EDITED, "ms"], searching.probed)
    sys.stdout.flush()


def recall(outcomes: Sequence[Outcome]) -> float:
    """Return which share of the images shown was found."""
    shown = sum(len(outcome.shown) for outcome in outcomes)
    return sum(outcome.found for outcome in outcomes) / shown


def fitted(x: NDArray[np.float64], y: Sequence[float]) -> float:
    """Return ``a + b x`` at the last ``x``, fitted to all others."""
    terms = np.stack([np.ones(len(y)), x[:-1]], axis=1) / np.array(y)[:, None]
    return float(nnls(terms, np.ones(len(y)))[0] @ (1.0, x[-1]))


def print_goal(found: dict[int, tuple[Filling, Searching, int]]) -> None:
    """Print what was measured at each size, and what to expect of a million."""
    fillings, searchings, files = zip(*found.values(), strict=True)
    sizes = np.array([*found, GOAL], np.float64)
    counts = [filling.descriptors for filling in fillings]
    count = np.append(counts, counts[-1] * GOAL / sizes[-2]).astype(np.float64)
    lists = np.array([lists_for(int(n)) for n in count], np.float64)
    nprobe = np.maximum(2, 2_048 // lists)  # as `DescriptorIndex.votes` chooses
    compared = lists + nprobe * count / lists
    images, growing = ("images", sizes), ("logarithm of images", np.log10(sizes))
    seconds = [1e6 * own.fill_s / own.descriptors for own in fillings]
    costs = [
        ("training, s", "lists squared", lists**2, [own.train_s for own in fillings]),
        ("fill, us a descriptor", "lists", lists, seconds),
        ("memory, GB", *images, [own.grown_bytes / 1e9 for own in fillings]),
        ("snapshot, GB", *images, [size / 1e9 for size in files]),
        ("start, s", *images, [own.open_s for own in searchings]),
    ]
    for stage, name, x in (
        ("extraction", "nothing", np.zeros(len(sizes))),
        ("index", "lists and entries compared", compared),
        ("votes", *growing),
        ("verification", *growing),
    ):
        ms = [np.median([o.ms[stage] for o in own.outcomes]) for own in searchings]
        costs.append((f"{stage}, ms", name, x, ms))
    rows = [
        [what, *(f"{value:.3g}" for value in (*values, fitted(x, values))), name]
        for what, name, x, values in costs
    ]
    for edit in EDITED:
        shares = [
            recall([o for o in own.outcomes if o.edit == edit]) for own in searchings
        ]
        line = np.polyfit(growing[1][:-1], shares, 1)
        at_goal = np.clip(np.polyval(line, growing[1][-1]), 0, 1)
        rows.append([edit, *(f"{n:.3f}" for n in (*shares, at_goal)), growing[0]])
    print(f"\n## {GOAL} images, {count[-1]:.3g} descriptors, {lists[-1]:.0f} lists\n")
    headings = ["cost or recall", *(f"{n:.0f}" for n in sizes), "grows with"]
    print_table(headings, rows)


if __name__ == "__main__":
    main()
