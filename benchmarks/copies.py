"""How many edited copies are found, named and placed rightly, and how many falsely.

    python benchmarks/copies.py --images ~/Pictures

Each photograph is once a stranger and once indexed: the folder is shuffled and dealt
into folds (two, if not told otherwise); in each round one fold stays out, the others
are imported into a fresh library in a temporary folder, copies are made of the next
fold by every edit of `ambience.imaging.edits`, and with each copy, and with each
stranger as it is, ``/api/reverse_search``'s own code searches. ``--sample`` makes
copies of so many photographs only, with as many strangers; the others are distractors.
Files equal byte for byte count once.

Copies are sent as PNG, "identical" as the file itself. A copy is found when its
original is the first among the images that are claimed to be copies with a score of at
least 0.5; a collage, for each original by itself, when no wrong image comes before it.
Any other image so claimed is a false copy. A folder may hold near-duplicates of its
own, which count as false: ``--verbose`` names them, so that a person can look.

The first table says which share is found by all services together, by each alone (its
own matches fused, no files compared) and by peers: PDQ within 31 bits of 256, as it is
and in eight orientations, 64-bit pHash within 10, and SIFT with a compressed index and
a homography. "Relation" is the share of what is found together that is named rightly.
"Place error" is there where the evidence says how the query lies on the original: the
farthest corner of the shared region, in percent of the original's longest side, median
and 95th percentile. Milliseconds are medians of whole searches, one after another.

``--families`` measures images that share structure instead, as
`ambience.imaging.families` draws them: pages of one layout, one caption on several
photographs, frames of one scene. Of each group of four, two are imported, beside those
of all other families and photographs that they don't show; with edited copies of these
two and with the other two it is searched. "Found": the same item comes first. "False
copies": others of the family that are claimed to be copies, of so many pairs; "across":
images of other families. "Relation right" is the share of what is claimed of related
images that is right, "likeness told" the share of related images of which that is said
that is true: the same scene, the same template.
"""

import argparse
import io
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from zlib import crc32

import numpy as np
from copies_families import FAMILY_NAMES, measure_families, print_families
from copies_peers import PEERS, Peer
from copies_system import TOGETHER, Ours, opened_library, photographs, pixels_of, tell
from copies_tally import Claim, Query, Tally, calibration
from numpy.typing import NDArray
from PIL import Image as Pillow
from tables import print_table

from ambience import registry
from ambience.imaging.edits import EDITS, SMALL_PARTS, Edit
from ambience.imaging.families import FAMILIES

NAMES_SHOWN = 12

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Round:
    """Which photographs take which part, by number.

    Attributes:
        copied: Indexed, and searched with copies of it.
        distractors: Indexed.
        strangers: Not indexed, and searched with as they are.
    """

    copied: list[int]
    distractors: list[int]
    strangers: list[int]

    @property
    def indexed(self) -> list[int]:
        """All that are there to be found."""
        return self.copied + self.distractors


def rounds(count: int, options: argparse.Namespace) -> list[Round]:
    """Deal photographs into folds, and say what each does in each round."""
    order = np.random.default_rng(options.seed).permutation(count).tolist()
    sample = set(order[: options.sample])
    folds = [order[first :: options.folds] for first in range(options.folds)]
    dealt = []
    for out, strangers in enumerate(folds):
        copied = folds[(out + 1) % len(folds)]
        rest = [n for fold in folds if fold is not strangers for n in fold]
        chosen = [number for number in copied if number in sample]
        others = [number for number in rest if number not in {*chosen}]
        here = [number for number in strangers if number in sample]
        dealt.append(Round(chosen, others[: options.distractors], here))
    return dealt


class Copies:
    """Makes queries of photographs.

    Args:
        paths: All photographs.
        edits: What is done to them.
        seed: Of what is random about that.
    """

    def __init__(
        self, paths: Sequence[Path], edits: Sequence[Edit], *, seed: int
    ) -> None:
        self._paths = paths
        self._edits = edits
        self._seed = seed

    def queries(self, part: Round) -> Iterator[Query]:
        """Make every query of a round: copies first, then strangers."""
        for number in part.copied:
            own = pixels_of(self._paths[number])
            for edit in self._edits:
                if edit.originals <= len(part.indexed):
                    yield self._copy(number, own, edit, part.indexed)
        for number in part.strangers:
            yield Query(number, "", self._paths[number].read_bytes())

    def count(self, part: Round) -> int:
        """Return how many queries a round has."""
        made = sum(edit.originals <= len(part.indexed) for edit in self._edits)
        return len(part.copied) * made + len(part.strangers)

    def _copy(
        self, number: int, own: NDArray[np.uint8], edit: Edit, indexed: Sequence[int]
    ) -> Query:
        path = self._paths[number]
        # The same copy, whatever else is edited or sampled.
        names = crc32(path.name.encode()), crc32(edit.name.encode())
        rng = np.random.default_rng([self._seed, *names])
        others = [other for other in indexed if other != number]
        drawn = rng.choice(others, edit.originals - 1, replace=False).tolist()
        originals = [own, *(pixels_of(self._paths[other]) for other in drawn)]
        edited = edit.make(originals, rng)
        if edit.name == "identical":
            data = path.read_bytes()
        else:
            out = io.BytesIO()
            Pillow.fromarray(edited.pixels).save(out, "PNG", compress_level=1)
            data = out.getvalue()
        return Query(
            number,
            edit.name,
            data,
            shown=(number, *drawn),
            placed=edited.placed,
            sizes=tuple(pixels.shape[:2] for pixels in originals),
            relations=edit.relations,
        )


def measure(
    paths: Sequence[Path], edits: Sequence[Edit], options: argparse.Namespace
) -> dict[str, Tally]:
    """Run all rounds; return what became of the queries, by way to search."""
    tallies = {n: Tally() for n in (TOGETHER, *options.services, *options.peers)}
    copies = Copies(paths, edits, seed=options.seed)
    for turn, part in enumerate(rounds(len(paths), options), 1):
        where = f"round {turn} of {options.folds}"
        with opened_library(options.services) as library:
            tell(f"{where}: importing {len(part.indexed)} photographs")
            ours = Ours(library, paths, part.indexed)
            peers: dict[str, Peer] = {}
            for name in options.peers:
                tell(f"{where}: indexing for {name}")
                peers[name] = PEERS[name]()
                peers[name].add((n, paths[n].read_bytes()) for n in part.indexed)
            total = copies.count(part)
            for done, query in enumerate(copies.queries(part), 1):
                answers = ours.search(query.data)
                for name, peer in peers.items():
                    start = time.perf_counter()
                    claims = [Claim(number) for number in peer.search(query.data)]
                    answers[name] = claims, 1000 * (time.perf_counter() - start)
                for name, (claims, took_ms) in answers.items():
                    tallies[name].count(
                        query, claims, indexed=len(part.indexed), took_ms=took_ms
                    )
                if done % 20 == 0 or done == total:
                    tell(f"{where}: {done} of {total} searches", end="")
            tell("")
    return tallies


def print_found(tallies: dict[str, Tally], edits: Sequence[Edit]) -> None:
    """Print a row for each edit: who found its copies."""
    together = tallies[TOGETHER]
    placed = any(outcome.place_errors for outcome in together.outcomes.values())
    rows = []
    for edit in edits:
        if edit.name not in together.outcomes:
            continue
        ours = together.outcomes[edit.name]
        found = [tally.outcomes[edit.name] for tally in tallies.values()]
        row = [edit.name, *(f"{o.found / o.sought:.3f}" for o in found)]
        row.append(f"{ours.named / ours.found:.3f}" if ours.found else "")
        row.append(f"{statistics.median(ours.took_ms):.1f}")
        if placed and ours.place_errors:
            off = np.quantile(ours.place_errors, [0.5, 0.95], method="nearest")
            row.append(" / ".join(f"{value:.2f}" for value in off))
        rows.append(row + [""] * (placed and not ours.place_errors))
    headings = ["edit", *tallies, "relation", "ms"]
    print_table(headings + ["place error %"] * placed, rows)


def print_false(tallies: dict[str, Tally]) -> None:
    """Print what was claimed falsely, and how long searches took."""
    print("\nFalse copies")
    rows = []
    for name, tally in tallies.items():
        fooled = f"{tally.fooled} of {tally.strangers}"
        rate = f"{tally.pairs / tally.false_copies:,.0f}" if tally.false_copies else ""
        times = np.quantile(tally.took_ms, [0.5, 0.95])
        row = [name, fooled, str(tally.false_copies), f"{tally.pairs:,}", rate]
        rows.append(row + [f"{took_ms:.1f}" for took_ms in times])
    headings = ["", "strangers", "false copies", "pairs", "one in", "ms", "95th %"]
    print_table(headings, rows)


def print_calibration(tally: Tally) -> None:
    """Print whether scores are the probabilities that they are said to be."""
    rows, error = calibration(tally.judged)
    print(f"\nScores of copies: expected calibration error {error:.4f}")
    print_table(["score", "matches", "mean score", "right"], rows)


def print_names(tallies: dict[str, Tally], paths: Sequence[Path]) -> None:
    """Print what was missed, named otherwise, and taken for another."""
    print("\nMissed by all services together")
    for edit, outcome in tallies[TOGETHER].outcomes.items():
        if missed := sorted(paths[number].name for number in outcome.missed):
            more = " ..." if len(missed) > NAMES_SHOWN else ""
            print(f"{edit}: {len(missed)}: {' '.join(missed[:NAMES_SHOWN])}{more}")
    print("\nRelations named")
    for edit, outcome in tallies[TOGETHER].outcomes.items():
        said = ", ".join(f"{n} {name}" for name, n in outcome.relations.most_common())
        print(f"{edit}: {said}")
    print("\nFalse copies by name")
    for name, tally in tallies.items():
        for (subject, number), said in sorted(tally.false.items()):
            pair = f"{paths[subject].name} taken for {paths[number].name}"
            print(f"{name}: {pair}: {', '.join(said)}")


def chosen(names: str | None, known: dict[str, Any]) -> list[Any]:
    """Return what is named, in the order in which it is known; all by default."""
    if names is None:
        return list(known.values())
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    if unknown := [name for name in wanted if name not in known]:
        sys.exit(f"there is no {unknown[0]!r}: there are {', '.join(known)}")
    return [value for name, value in known.items() if name in wanted]


def chosen_edits(names: str | None) -> list[Edit]:
    """Return edits by name or family; the names with commas, by family only."""
    if names is None:
        return list(EDITS)
    every = (*EDITS, *SMALL_PARTS)
    wanted = chosen(names, {n: n for e in every for n in (e.name, e.family)})
    return [edit for edit in every if {edit.name, edit.family} & {*wanted}]


def main() -> None:
    """Measure and print."""
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    add = parser.add_argument
    add("--images", type=Path, required=True)
    add("--sample", type=int, help="how many photographs to copy; all by default")
    add("--distractors", type=int, help="how many more to index a round, at most")
    add("--folds", type=int, default=2, help="one of so many parts stays out a round")
    add("--edits", help="by name or family; all but 'small part' by default")
    add("--services", help="by name, with commas; all by default")
    add("--peers", help="by name, with commas; all by default, '' for none")
    add("--seed", type=int, default=0)
    add("--verbose", action="store_true", help="name what was missed or false")
    add("--families", nargs="?", const="all", help=f"of {', '.join(FAMILY_NAMES)}")
    add("--groups", type=int, default=3, help="of four images, of each family")
    options = parser.parse_args()
    options.services = chosen(options.services, {n: n for n in registry.BUILTIN})
    if options.families is not None:
        names = None if options.families == "all" else options.families
        drawn = chosen(names, {family.name: family for family in FAMILIES})
        print_families(measure_families(drawn, options))
        return
    options.peers = chosen(options.peers, {n: n for n in PEERS})
    edits = chosen_edits(options.edits)
    paths = photographs(options.images)
    if not 2 <= options.folds <= len(paths):
        sys.exit(f"{len(paths)} photographs make no {options.folds} folds")
    tallies = measure(paths, edits, options)
    print_found(tallies, edits)
    print_false(tallies)
    print_calibration(tallies[TOGETHER])
    if options.verbose:
        print_names(tallies, paths)


if __name__ == "__main__":
    main()
