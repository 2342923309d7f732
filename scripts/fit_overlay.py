"""Fit how much each measure of an overlay counts for a copy.

``PYTHONPATH=src python -m scripts.fit_overlay`` prints how images are told apart by
weights that were fitted to others, each half by what was fitted to the other half, and
the weights fitted to both, which go into ``ambience/overlay/verdict.py``. Copies are
edited photographs, those inside scikit-image, and edited images of
`ambience.imaging.families`; the others are images of these families that are no copies
of each other, edited and as they are, laid as keypoints say, and edge on edge. Takes
some minutes.
"""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from functools import cached_property
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from ambience.cli.samples import sample_photographs
from ambience.core.geometry import Matrix, stretch
from ambience.core.keypoints import unpack
from ambience.core.matches import Relation
from ambience.imaging import ImageFile, full_pixels, png
from ambience.imaging.edits import EDITS, Edited
from ambience.imaging.families import EACH, FAMILIES, Family, FamilyImage, relation
from ambience.overlay import OverlayMeasure, Weights, overlay, same_picture
from ambience.services.local_features.extract import rootsift_extractor
from ambience.services.local_features.matching import PreparedKeypoints
from ambience.services.local_features.verify import GeometryVerifier

GROUPS = 6  # of each family: three in each half
LARGEST = 1200  # pixels: larger photographs are made smaller
# What families are edited in, beside what makes the same image again.
CHANGES = ("text bar", "mirrored half crop, recolored, text, JPEG 20")
ON_PHOTOGRAPHS = [edit for edit in EDITS if edit.originals == 1]
EDIT = {edit.name: edit for edit in EDITS}
PENALTY = 0.005  # on squares of weights, so that none grows without need
PHOTOGRAPH = "photograph"
PHOTOGRAPHS = 10  # times as much they count as others: none of their copies may be lost
EVEN = 0.5


@dataclass(frozen=True, slots=True)
class Example:
    """Two images, laid over each other, whose relation is known."""

    what: str
    measure: OverlayMeasure
    is_copy: bool


def main() -> None:
    """Fit and print."""
    halves = [list(examples(half)) for half in (0, 1)]
    for fitted_to, tried in (halves, reversed(halves)):
        weights = fitted(fitted_to)
        wrong = Counter(
            (one.what, "a copy" if one.is_copy else "no copy")
            for one in tried
            if (same_picture(one.measure, weights) > EVEN) != one.is_copy
        )
        copies = sum(one.is_copy for one in tried)
        print(f"{weights!r}")
        print(f"tried on {copies} copies and {len(tried) - copies} others: wrong in")
        for (what, truth), count in wrong.most_common():
            print(f"  {count} {what}, {truth}")
    print("fitted to both:")
    print(f"{fitted([one for half in halves for one in half])!r}")


def fitted(some: Sequence[Example]) -> Weights:
    """Return the weights of a logistic regression, by Newton's method."""
    rows = np.array([[1, *astuple(one.measure)[1:]] for one in some], np.float64)
    truth = np.array([one.is_copy for one in some], np.float64)
    # Copies and others count alike in all, however many there are.
    counts = np.where(truth, 1 / truth.mean(), 1 / (1 - truth.mean())) / 2
    counts[[one.what.startswith(PHOTOGRAPH) for one in some]] *= PHOTOGRAPHS
    weights = np.zeros(rows.shape[1])
    penalty = PENALTY * np.eye(rows.shape[1])
    penalty[0, 0] = 0
    for _ in range(50):  # it is there after ten
        said = 1 / (1 + np.exp(-rows @ weights))
        slope = rows.T @ (counts * (said - truth)) + penalty @ weights
        curve = (rows.T * (counts * said * (1 - said))) @ rows + penalty
        weights -= np.linalg.solve(curve, slope)
    return Weights(*weights.round(2).tolist())


def examples(half: int) -> Iterator[Example]:
    """Yield one half of the images whose relation is known."""
    photographs = list(photographs_of(half))
    for number, photograph in enumerate(photographs):
        for edit in ON_PHOTOGRAPHS:
            yield from copy_of(photograph, edit.name, PHOTOGRAPH, number)
    for family in FAMILIES:
        for group in range(half * GROUPS // 2, (half + 1) * GROUPS // 2):
            tell(f"{family.name}, group {group}")
            numbers = range(group * EACH, (group + 1) * EACH)
            items = [family.draw(number, photographs) for number in numbers]
            yield from of_group(family, items)


def of_group(family: Family, items: Sequence[FamilyImage]) -> Iterator[Example]:
    """Yield copies of images of a group, and those that are no copies."""
    for number, item in enumerate(items):
        for name in dict.fromkeys((*family.again, *CHANGES)):
            yield from copy_of(item.pixels, name, family.name, number)
    sides = [Placed(item.pixels) for item in items]
    pairs = permutations(zip(items, sides, strict=True), 2)
    for number, ((one, here), (other, there)) in enumerate(pairs):
        is_copy = relation(one, other) is Relation.EDITED
        for transform in here.laid_on(there):
            yield from example(family.name, here, there, transform, is_copy=is_copy)
        name = family.again[number % len(family.again)]
        edited = edited_once(one.pixels, name, number)
        query = Placed(edited.pixels)
        before = edge_on_edge(here, there) @ edited.placed[0].transform
        for transform in (*query.placed_on(there), before):
            what = f"{family.name}: {name} of another"
            yield from example(what, query, there, transform, is_copy=is_copy)


def copy_of(
    pixels: NDArray[np.uint8], name: str, what: str, number: int
) -> Iterator[Example]:
    """Yield an edited copy, laid where it was made from."""
    edited = edited_once(pixels, name, number)
    query, image = Placed(edited.pixels), Placed(pixels)
    for place in edited.placed:
        named = f"{what}: {name}"
        yield from example(named, query, image, place.transform, is_copy=True)


def edited_once(pixels: NDArray[np.uint8], name: str, number: int) -> Edited:
    """Return an edited copy; equal numbers, equal copies."""
    return EDIT[name].make([pixels], np.random.default_rng([number, len(name)]))


class Placed:
    """An image with its keypoints."""

    def __init__(self, pixels: NDArray[np.uint8]) -> None:
        self.image = ImageFile(png(pixels)).image

    @cached_property
    def side(self) -> PreparedKeypoints:
        """Its keypoints."""
        (feature,) = rootsift_extractor().extract([self.image])
        return GeometryVerifier().prepared(unpack(feature.rows))

    def laid_on(self, other: "Placed") -> Iterator[Matrix]:
        """Yield how it may lie on another one: as keypoints say, and edge on edge."""
        yield from self.placed_on(other)
        yield edge_on_edge(self, other)

    def placed_on(self, other: "Placed") -> Iterator[Matrix]:
        """Yield how keypoints say that it lies on another one, if they do."""
        placed = GeometryVerifier().placed(self.side, other.side)
        if placed is not None and placed.confidence > EVEN:
            yield placed.transform


def edge_on_edge(one: Placed, other: Placed) -> Matrix:
    """Return how an image lies on another one, made as large."""
    (height, width), (high, wide) = one.image.size, other.image.size
    return stretch(wide / width, high / height)


def example(
    what: str, query: Placed, image: Placed, transform: Matrix, *, is_copy: bool
) -> Iterator[Example]:
    """Yield two images laid over each other, if they can be compared."""
    seen = overlay(query.image, image.image, transform)
    if seen is not None:
        yield Example(what, seen.measure, is_copy)


def photographs_of(half: int) -> Iterator[NDArray[np.uint8]]:
    """Yield every other photograph, not too large."""
    for path in sample_photographs()[half::2]:
        pixels = full_pixels(path.read_bytes())[..., :3]
        step = -(-max(pixels.shape) // LARGEST)
        yield np.ascontiguousarray(pixels[::step, ::step])


def tell(line: str) -> None:
    """Say how far it is."""
    print(f"\r{line:40}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
