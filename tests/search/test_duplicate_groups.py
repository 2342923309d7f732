"""Groups hold only what is claimed of their keeper; parts join no groups."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ambience.core.features import ImageId
from ambience.core.matches import Match, Relation
from ambience.imaging import Provenance
from ambience.search.duplicate_groups import (
    DuplicateGroup,
    GroupMaker,
    reversed_placement,
)
from ambience.search.listed_image import ListedImage
from tests.library import as_shipped


class Nothing:
    """Files that tell nothing."""

    def provenance(self, _: ListedImage) -> Provenance:
        return Provenance()

    def saved_from(self, _: ListedImage, tables: Sequence[Sequence[int]]) -> list[bool]:
        return [False] * len(tables)


def made(
    sizes: Mapping[int, int],
    apart: Mapping[tuple[int, int], int],
    near: Sequence[Sequence[int]],
    placements: Mapping[tuple[int, int], Mapping[str, Any]] | None = None,
    orientation: str = "upright",
) -> list[DuplicateGroup]:
    """Group images of some widths, whose hashes are so far apart, else 288 bits."""

    def compare(one: ImageId, others: Sequence[ImageId]) -> list[Match]:
        return [
            Match(
                other,
                apart.get((min(one, other), max(one, other)), 288),
                {"orientation": orientation},
            )
            for other in others
        ]

    images = {
        ImageId(i): ListedImage(
            ImageId(i), Path(f"{i}.jpg"), (100, width), 9, "jpeg", bytes([i]) * 32
        )
        for i, width in sizes.items()
    }
    maker = GroupMaker(
        images,
        whole="phash",
        part="local_features",
        compare=compare,
        placements={
            (ImageId(a), ImageId(b)): found
            for (a, b), found in (placements or {}).items()
        },
        history=Nothing(),
        calibration=as_shipped(),
    )
    return maker.groups([[ImageId(i) for i in chain] for chain in near])


def told(groups: Sequence[DuplicateGroup]) -> list[tuple[int, list[int], list[int]]]:
    return [
        (
            group.keeper.image_id,
            [one.image.image_id for one in group.others],
            [one.image.image_id for one in group.parts],
        )
        for group in groups
    ]


def placement(query: float, image: float, scale: float = 1.0) -> dict[str, Any]:
    return {
        "distance": 0.0,
        "inliers": 80,
        "matches": 90,
        "query_overlap": query,
        "image_overlap": image,
        "mirrored": False,
        "rotation_degrees": 0.0,
        "scale": scale,
        "transform": [[scale, 0, 5], [0, scale, 7], [0, 0, 1]],
        "query_region": [[0, 0], [9, 0], [9, 9]],
        "image_region": [[5, 7], [14, 7], [14, 16]],
    }


def test_a_chain_is_split_where_its_ends_are_no_copies() -> None:
    steps = {(1, 2): 50, (2, 3): 50, (3, 4): 50, (1, 3): 100, (2, 4): 100}
    far = {**steps, (1, 4): 150}
    sizes = {1: 400, 2: 300, 3: 200, 4: 100}
    assert told(made(sizes, far, [[1, 2, 3, 4]])) == [(1, [2, 3, 4], [])]
    # the last is like its neighbor only: it stays, as no copy of it is kept
    assert told(made(sizes, steps | {(2, 4): 250}, [[1, 2, 3, 4]])) == [(1, [2, 3], [])]
    apart = {(1, 2): 50, (3, 4): 50, (2, 3): 50}
    assert told(made(sizes, apart, [[1, 2, 3, 4]])) == [(1, [2], []), (3, [4], [])]


def test_images_that_nothing_is_known_of_are_left_out() -> None:
    assert told(made({1: 10}, {}, [[1, 2]])) == []
    assert told(made({}, {}, [[1, 2]])) == []


def test_a_crop_is_listed_with_the_keeper_of_what_it_shows() -> None:
    groups = made(
        {1: 400, 2: 300, 3: 90},
        {(1, 2): 4},
        [[1, 2]],
        {(3, 2): placement(0.99, 0.2), (3, 1): placement(0.99, 0.2)},
    )
    assert told(groups) == [(1, [2], [3])]
    assert groups[0].parts[0].match.relation is Relation.CROP


def test_it_does_not_matter_which_of_two_was_searched_with() -> None:
    sizes = {1: 400, 3: 90}
    one = made(sizes, {}, [], {(3, 1): placement(0.99, 0.2)})
    other = made(sizes, {}, [], {(1, 3): reversed_placement(placement(0.99, 0.2))})
    assert told(one) == told(other) == [(1, [], [3])]
    (there,), (back,) = one[0].parts, other[0].parts
    assert there.match.relation is back.match.relation is Relation.CROP
    assert there.match.score == back.match.score


def test_what_was_put_in_smaller_is_the_source_of_what_shows_it() -> None:
    # the page shows the image at half of its size
    groups = made({1: 400, 2: 500}, {}, [], {(1, 2): placement(0.99, 0.2, scale=0.5)})
    assert told(groups) == [(1, [], [2])]
    assert groups[0].parts[0].match.relation is Relation.CONTAINS


def test_a_collage_joins_nothing() -> None:
    found = {(i, 9): placement(0.99, 0.11, scale=0.33) for i in range(1, 9)}
    groups = made(dict.fromkeys(range(1, 10), 400), {}, [], found)
    assert told(groups) == [(i, [], [9]) for i in range(1, 9)]


def test_a_placement_of_wholes_makes_copies() -> None:
    groups = made({1: 400, 2: 300}, {}, [], {(2, 1): placement(0.99, 0.99)})
    assert told(groups) == [(1, [2], [])]
    assert groups[0].others[0].match.relation is Relation.EDITED


def test_a_doubtful_placement_proves_nothing() -> None:
    doubtful = placement(0.99, 0.2) | {"distance": 1e-6}
    assert made({1: 400, 3: 90}, {}, [], {(3, 1): doubtful}) == []


def test_a_copy_is_said_to_be_turned_as_it_was_made_from_the_keeper() -> None:
    # the keeper, turned clockwise, looks like the copy
    groups = made({1: 400, 2: 300}, {(1, 2): 4}, [[1, 2]], orientation="rotated_90")
    (copy,) = groups[0].others
    assert copy.match.summary.startswith("turned by 90° clockwise")


def test_turned_around_twice_a_placement_is_the_same() -> None:
    there = placement(0.9, 0.3, scale=2.0) | {"rotation_degrees": 20.0}
    back = reversed_placement(reversed_placement(there))
    assert np.allclose(back.pop("transform"), there.pop("transform"))
    assert back == there
