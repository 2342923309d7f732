"""How well images are told apart that are easily taken for copies of each other."""

import argparse
import io
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TypeAlias

import numpy as np
from copies_system import Imported, K, opened_library, photographs, pixels_of, tell
from copies_tally import calibration
from numpy.typing import NDArray
from PIL import Image as Pillow
from tables import print_table

from ambience.core.features import ImageId
from ambience.core.matches import FusedMatch, Relation
from ambience.imaging.edits import EDITS
from ambience.imaging.families import EACH, FAMILIES, PHOTOGRAPHS, Family, FamilyImage
from ambience.imaging.families import relation as true_relation
from ambience.library.library import Library
from ambience.search.questions import ByImage

INDEXED = (0, 3)  # of each group; the others are searched with as strangers
EDIT = {edit.name: edit for edit in EDITS}
NAMES_SHOWN = 8
FAMILY_NAMES = tuple(family.name for family in FAMILIES)


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """An image of a family, as it was drawn."""

    family: Family
    number: int
    item: FamilyImage

    @property
    def name(self) -> str:
        """What it is called."""
        return f"{self.family.name} {self.number}"

    @property
    def is_indexed(self) -> bool:
        """Whether it is there to be found."""
        return self.number % EACH in INDEXED


@dataclass(slots=True)
class FamilyTally:
    """What became of the searches with images of one family.

    Attributes:
        sought: How often the same item was there to be found.
        found: How often it was, first.
        pairs: How often a query met another image of the family that is no copy of it.
        false: How often that was called a copy.
        across: How often an image of another family, or a photograph, was so called.
        named: How often something was claimed of an image that is related.
        right: How often that was right.
        related: How often an image was met that is a likeness.
        told: How often it was called so.
        judged: Score of each claim of a copy, and whether it was one.
        wrong: What was said, where something else is true.
        took_ms: All searches.
    """

    sought: int = 0
    found: int = 0
    pairs: int = 0
    false: int = 0
    across: int = 0
    named: int = 0
    right: int = 0
    related: int = 0
    told: int = 0
    judged: list[tuple[float, bool]] = field(default_factory=list)
    wrong: Counter[str] = field(default_factory=Counter)
    took_ms: list[float] = field(default_factory=list)

    def add(self, other: "FamilyTally") -> None:
        """Count what another one did, too."""
        for part in fields(self):
            both = getattr(self, part.name) + getattr(other, part.name)
            setattr(self, part.name, both)

    def count_copies(
        self, claims: Sequence[tuple[str, FusedMatch]], true: "Truth", query: str
    ) -> None:
        """Take in what was claimed to be a copy, best first."""
        copies = {query, *(n for n, said in true.items() if said is Relation.EDITED)}
        for name, match in claims:
            self.judged.append((match.score, name in copies))
            if name not in copies:
                self.false += name in true
                self.across += name not in true
        if query in true:
            self.sought += 1
            self.found += bool(claims) and claims[0][0] in copies

    def count_named(
        self, said: Mapping[str, Relation], true: "Truth", query: str, edit: str
    ) -> None:
        """Take in what the images of the family were called."""
        for name, relation in true.items():
            if name == query:
                right = set(EDIT[edit].relations)
            elif relation is Relation.EDITED:
                right = {str(known) for known in Relation if known.is_copy}
            else:
                right = {str(relation)}
                self.pairs += 1
                self.related += relation is not None
                self.told += relation is not None and said.get(name) is relation
            if name in said:
                self.named += 1
                self.right += said[name] in right
                if said[name] not in right:
                    what = "itself" if name == query else relation or "nothing"
                    self.wrong[f"{edit or 'as it is'}: {said[name]}, not {what}"] += 1


Truth: TypeAlias = Mapping[str, Relation | None]
"""By name of the indexed images of a family, what would be right to say of each."""


def drawn_items(
    families: Sequence[Family],
    photographs_for: Sequence[NDArray[np.uint8]],
    options: argparse.Namespace,
) -> list[Drawn]:
    """Draw every family; each has photographs for itself while there are enough."""
    drawn = []
    share = PHOTOGRAPHS * options.groups
    for place, family in enumerate(families):
        own = [
            photographs_for[(place * share + n) % len(photographs_for)]
            for n in range(share)
        ]
        # Each seed draws other images.
        first = EACH * options.groups * options.seed
        numbers = range(first, first + EACH * options.groups)
        drawn += [Drawn(family, n, family.draw(n, own)) for n in numbers]
    return drawn


def png(pixels: NDArray[np.uint8]) -> bytes:
    """Return the bytes of a PNG file."""
    out = io.BytesIO()
    Pillow.fromarray(pixels).save(out, "PNG", compress_level=1)
    return out.getvalue()


def queries(one: Drawn) -> Iterator[tuple[str, bytes]]:
    """Make every query of an image: by what edit, and its file."""
    if not one.is_indexed:
        yield "", png(one.item.pixels)
        return
    for name in one.family.again:
        rng = np.random.default_rng([*one.name.encode(), *name.encode()])
        yield name, png(EDIT[name].make([one.item.pixels], rng).pixels)


def measure_families(
    families: Sequence[Family], options: argparse.Namespace
) -> dict[str, FamilyTally]:
    """Search with images of every family in a library of all and of photographs."""
    paths = photographs(options.images)
    need = len(families) * options.groups * PHOTOGRAPHS
    shown, others = paths[:need], paths[need:][: options.distractors]
    drawn = drawn_items(families, [pixels_of(path) for path in shown], options)
    tallies = {family.name: FamilyTally() for family in families}
    with (
        tempfile.TemporaryDirectory() as folder,
        opened_library(options.services) as library,
    ):
        files: dict[Path, Drawn] = {}
        for one in drawn:
            if one.is_indexed:
                file = Path(folder, f"{one.name}.png")
                file.write_bytes(png(one.item.pixels))
                files[file] = one
        tell(f"importing {len(files)} images of families, {len(others)} others")
        imported = Imported(library, [*files, *others])
        searches = Searches(library, imported, files)
        for turn, one in enumerate(drawn, 1):
            for edit, data in queries(one):
                searches.search(data, one, edit, tallies[one.family.name])
            tell(f"searched with {turn} of {len(drawn)} images", end="")
        tell("")
    return tallies


class Searches:
    """Searches in a library, and knows what would be right to say.

    Args:
        library: Everything is imported.
        imported: Knows the files.
        files: Which of them show what of a family.
    """

    def __init__(
        self, library: Library, imported: Imported, files: Mapping[Path, Drawn]
    ) -> None:
        self._parts = library.components
        self._imported = imported
        self._files = files

    def search(self, data: bytes, query: Drawn, edit: str, tally: FamilyTally) -> None:
        """Search once, and count what is answered."""
        start = time.perf_counter()
        answer = self._parts.searcher.search(ByImage(data), k=K)
        tally.took_ms.append(1000 * (time.perf_counter() - start))
        if answer.unavailable:
            sys.exit(f"a service did not answer: {answer.unavailable}")
        family = [one for one in self._files.values() if one.family is query.family]
        true = {one.name: true_relation(query.item, one.item) for one in family}
        said = [
            (self._name(match.image_id), match)
            for match in answer.matches
            if match.relation is not Relation.SIMILAR_COLORS
        ]
        copies = [(name, match) for name, match in said if match.relation.is_copy]
        tally.count_copies(copies, true, query.name)
        named = {name: match.relation for name, match in said}
        tally.count_named(named, true, query.name, edit)

    def _name(self, image_id: ImageId) -> str:
        one = self._files.get(self._imported.path_of(image_id))
        return "a photograph" if one is None else one.name


def print_families(tallies: dict[str, FamilyTally]) -> None:
    """Print a row for each family, and what was said wrongly most often."""
    everything = FamilyTally()
    for own in tallies.values():
        everything.add(own)
    rows = [_row(name, own) for name, own in {**tallies, "all": everything}.items()]
    print_table(
        [
            *("family", "found", "false copies", "pairs", "across", "relation right"),
            *("likeness told", "calibration error", "ms"),
        ],
        rows,
    )
    print()
    for name, own in tallies.items():
        if own.wrong:
            said = own.wrong.most_common(NAMES_SHOWN)
            print(f"{name}: " + "; ".join(f"{count} {what}" for what, count in said))


def _row(name: str, own: FamilyTally) -> list[str]:
    return [
        name,
        f"{own.found / own.sought:.3f}",
        *map(str, (own.false, own.pairs, own.across)),
        f"{own.right / own.named:.3f}" if own.named else "",
        f"{own.told / own.related:.3f}" if own.related else "",
        f"{calibration(own.judged)[1]:.4f}" if own.judged else "",
        f"{np.median(own.took_ms):.0f}",
    ]
