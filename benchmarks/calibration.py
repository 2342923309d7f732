"""Whether scores are the probabilities that they are said to be.

    python benchmarks/calibration.py --images ~/Pictures

As `copies.py` does it, photographs are dealt into folds, each of which is once left out
as strangers while copies of the next are searched for among all others. Every search is
asked of the services once, and what they say is merged again and again: with the
shipped calibration, and with one learned from the indexed photographs that no copy is
made of; all services together, and one with the others missing.

A claim is right if the query shows that image. The first table counts claims that are
answered (a score of at least 0.5): how many in each range of scores, their mean score
and the share that is right, and the expected calibration error, which is how far the
two are apart, as the mean over all claims. The second counts everything that a caller
may see who lowers the cut, from 0.001 on.

Likeness has no such truth: the last table says how often the original of a copy is
answered as one of similar colors, by edit, and which share of all other images is.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from copies import Copies, rounds
from copies_system import opened_library, photographs, tell
from copies_tally import Query, calibration
from tables import print_table

from ambience.calibrating.edited_copies import CopySource
from ambience.calibrating.learning import Learner
from ambience.core.features import ImageId
from ambience.core.matches import Answer, FusedMatch, Relation
from ambience.core.settings import load_settings
from ambience.fusion import Calibration, Curve, fuse
from ambience.imaging import ImageFile
from ambience.imaging.edits import EDITS
from ambience.library.calibration_file import declared_evidence
from ambience.library.components import Components
from ambience.library.library import Library
from ambience.service import SearchRequest
from ambience.service.capabilities import SearchesImages

Judged: TypeAlias = tuple[float, bool]

K = 20  # what /api/reverse_search answers if not told otherwise
CUT = 0.5
LOWERED = 0.001
LOW_EDGES = (0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.9999)
SHIPPED = Calibration(declared_evidence(load_settings()))
WAYS = {
    "together": tuple(SHIPPED.evidence),
    "phash alone": ("phash",),
    "local_features alone": ("local_features",),
}


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What the services said to one query.

    Attributes:
        query: What was searched with.
        answers: By service.
        indexed: How many images there were.
        learned: What the other images taught.
    """

    query: Query
    answers: Mapping[str, Answer]
    indexed: int
    learned: Calibration


def asked(options: argparse.Namespace) -> list[Asked]:
    """Run all rounds."""
    paths = photographs(options.images)
    copies = Copies(paths, EDITS, seed=options.seed)
    found = []
    for turn, part in enumerate(rounds(len(paths), options), 1):
        where = f"round {turn} of {options.folds}"
        with opened_library(tuple(SHIPPED.evidence)) as library:
            tell(f"{where}: learning from {len(part.distractors)} photographs")
            # First only those that no copy is made of: there is nothing else to learn.
            parts = imported(library, [paths[number] for number in part.distractors])
            source = CopySource(
                parts.services, parts.catalog, parts.originals, parts.limits
            )
            learned = Learner(source).learn(SHIPPED)
            if learned is None:
                sys.exit("nothing could be learned")
            imported(library, [paths[number] for number in part.copied])
            numbers = {
                record.image_id: paths.index(record.path)
                for record in parts.catalog.find(parts.catalog.ids())
                if record.path is not None
            }
            total = copies.count(part)
            for done, query in enumerate(copies.queries(part), 1):
                image = ImageFile(query.data, limits=parts.limits)
                answers = {
                    service.name: numbered(
                        searches.search(image, SearchRequest(k=K)), numbers
                    )
                    for service in parts.services
                    if (searches := service.ability(SearchesImages)) is not None
                }
                worth = replace(SHIPPED, learned=learned)
                found.append(Asked(query, answers, len(part.indexed), worth))
                if done % 20 == 0 or done == total:
                    tell(f"{where}: {done} of {total} searches", end="")
            tell("")
    return found


def imported(library: Library, paths: Sequence[Path]) -> Components:
    """Import photographs; return what searches them."""
    report = library.add_folder(*paths)
    if report.failed or report.unavailable:
        sys.exit("not everything could be imported")
    return library.components


def numbered(answer: Answer, numbers: Mapping[int, int]) -> Answer:
    """Return an answer whose image ids are numbers of photographs."""
    matches = tuple(
        replace(match, image_id=ImageId(numbers[match.image_id]))
        for match in answer.matches
    )
    return replace(answer, matches=matches)


def merged(one: Asked, names: Sequence[str], learned: Calibration) -> list[FusedMatch]:
    """Return every claim that some services' answers carry, however unlikely."""
    answers = {name: one.answers[name] for name in names}
    return fuse(answers, facts={}, calibration=learned, k=K, min_score=LOWERED)


def judged(found: Sequence[Asked], *, learned: bool) -> dict[str, list[Judged]]:
    """Return the score of every claim of a copy, and whether it is right, by way."""
    scores = defaultdict(list)
    for one in found:
        worth = one.learned if learned else SHIPPED
        for way, names in WAYS.items():
            for match in merged(one, names, worth):
                if match.relation.is_copy:
                    right = match.image_id in one.query.shown
                    scores[way].append((match.score, right))
    return scores


def print_likeness(found: Sequence[Asked], *, learned: bool) -> None:
    """Print how often images of similar colors are answered, by edit."""
    shown: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
    others: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
    for one in found:
        claims = merged(one, ["color"], one.learned if learned else SHIPPED)
        like = {
            match.image_id
            for match in claims
            if match.relation is Relation.SIMILAR_COLORS and match.score >= CUT
        }
        edit = one.query.edit or "strangers"
        own = {*one.query.shown}
        shown[edit][0] += len(like & own)
        shown[edit][1] += len(own)
        others[edit][0] += len(like - own)
        others[edit][1] += one.indexed - len(own)
    rows = [
        [
            edit,
            f"{shown[edit][0] / shown[edit][1]:.3f}" if shown[edit][1] else "",
            f"{others[edit][0] / others[edit][1]:.5f}",
        ]
        for edit in others
    ]
    print_table(["edit", "originals like it", "others like it"], rows)


def main() -> None:
    """Measure and print."""
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    add = parser.add_argument
    add("--images", type=Path, required=True)
    add("--sample", type=int, help="how many photographs to copy; all by default")
    add("--folds", type=int, default=2, help="one of so many parts stays out a round")
    add("--seed", type=int, default=0)
    options = parser.parse_args()
    options.distractors = None
    found = asked(options)
    copies = sum(bool(one.query.edit) for one in found)
    print(f"{copies} copies, {len(found) - copies} strangers")
    for learned in (False, True):
        print(f"\n# {'learned from the library' if learned else 'shipped'}\n")
        curves = {
            "shipped": curves_of(SHIPPED),
            **{f"round {n}": curves_of(c) for n, c in enumerate(rounds_of(found), 1)},
        }
        if learned:
            rows = [
                [
                    f"{name}, {label}",
                    f"{c.seen:.3f}",
                    f"{c.middle:.2f}",
                    f"{c.width:.3f}",
                ]
                for label, own in curves.items()
                for name, c in own.items()
            ]
            print_table(["curve", "seen", "middle", "width"], rows)
        for way, scores in judged(found, learned=learned).items():
            answered = [(score, right) for score, right in scores if score >= CUT]
            rows, error = calibration(answered)
            print(f"\n{way}, answered: expected calibration error {error:.4f}")
            print_table(["score", "matches", "mean score", "right"], rows)
            rows, error = calibration(scores, edges=LOW_EDGES)
            print(f"\n{way}, from {LOWERED} on: {error:.4f}")
            print_table(["score", "matches", "mean score", "right"], rows)
        print("\nSimilar colors")
        print_likeness(found, learned=learned)


def curves_of(calibration: Calibration) -> dict[str, Curve]:
    """Return the curve of each service."""
    return {name: calibration.curve(name) for name in calibration.evidence}


def rounds_of(found: Sequence[Asked]) -> list[Calibration]:
    """Return what was learned, once each."""
    return list({id(one.learned): one.learned for one in found}.values())


if __name__ == "__main__":
    main()
