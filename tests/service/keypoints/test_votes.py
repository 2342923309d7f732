"""Votes are counted as a slow, obvious version counts them."""

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambience.core.features import ImageId
from ambience.service.keypoints.votes import Ballots, Candidate, candidates
from tests.engine.keypoint_rows import UNLIKE


def slow_candidates(found: Ballots, count: int, unlike: float) -> list[Candidate]:
    """Count in loops; see `ambience.service.keypoints.votes.candidates`."""
    ballots = defaultdict(list)
    for row, variant in enumerate(found.variants.tolist()):
        known = [d for d in found.distances[row].tolist() if np.isfinite(d)]
        last = max([*known, unlike])
        seen = set()
        for column, distance in enumerate(found.distances[row].tolist()):
            image = int(found.image_ids[row, column])
            if image < 0 or image in seen:
                continue
            seen.add(image)
            weight = max(round((1 - distance / last) * 1024), 1) / 1024
            turn = int(found.turns[row, column]) // 16
            scaling = (int(found.scalings[row, column]) + 256) // 8
            ballots[image, variant].append((weight, turn, scaling))
    answers = []
    for (image, variant), cast in ballots.items():
        votes = max(
            sum(
                weight
                for weight, turn, scaling in cast
                if (turn - middle[0]) % 16 in (15, 0, 1)
                and abs(scaling - middle[1]) <= 1
            )
            for middle in ((t % 16, s) for t in range(16) for s in range(64))
        )
        answers.append(Candidate(ImageId(image), votes, variant))
    answers.sort(key=lambda c: (-c.votes, c.image_id, c.variant))
    return answers[:count]


def drawn(seed: int, rows: int, neighbors: int, images: int, variants: int) -> Ballots:
    rng = np.random.default_rng(seed)
    distances = np.sort(rng.integers(0, 300, (rows, neighbors)), axis=1).astype(float)
    image_ids = rng.integers(-1, images, (rows, neighbors))
    missing = rng.random((rows, neighbors)) < 0.1
    missing = np.logical_or.accumulate(missing & (rng.random((rows, 1)) < 0.3), axis=1)
    distances[missing], image_ids[missing] = np.inf, -1
    return Ballots(
        distances=distances,
        image_ids=image_ids,
        turns=rng.integers(0, 256, (rows, neighbors)).astype(np.uint8),
        scalings=rng.integers(-255, 256, (rows, neighbors)) // rng.integers(1, 9),
        variants=rng.integers(0, variants, rows),
    )


SIZES = st.tuples(
    st.integers(1, 25),  # descriptors of the query
    st.integers(1, 6),  # neighbors of each
    st.integers(1, 12),  # images
    st.integers(1, 3),  # variants
)


@given(
    seed=st.integers(0, 2**32),
    sizes=SIZES,
    count=st.integers(1, 15),
    part=st.integers(1, 8),
)
def test_votes_are_those_of_the_slow_version(
    seed: int, sizes: tuple[int, int, int, int], count: int, part: int
) -> None:
    found = drawn(seed, *sizes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ambience.service.keypoints.votes._PAIRS", part)
        fast = candidates(found, count=count, unlike=100.0)
    assert fast == slow_candidates(found, count, 100.0)


def one_image(turns: list[int], scalings: list[int]) -> float:
    """Return the votes for an image whose descriptors were all found at distance 0."""
    count = len(turns)
    found = Ballots(
        distances=np.zeros((count, 1)),
        image_ids=np.full((count, 1), 3),
        turns=np.array(turns, dtype=np.uint8)[:, None],
        scalings=np.array(scalings)[:, None],
        variants=np.zeros(count, dtype=np.int64),
    )
    (answer,) = candidates(found, count=5, unlike=UNLIKE)
    return answer.votes


def test_what_turns_and_scales_alike_counts_together() -> None:
    assert one_image([10, 10, 10], [5, 5, 5]) == 3
    assert one_image([0, 255, 0], [7, 8, 9]) == 3  # on both sides of an edge
    assert one_image([10, 90, 170], [5, 5, 5]) == 1
    assert one_image([10, 10, 10], [-100, 0, 100]) == 1


def test_an_image_with_few_votes_that_agree_is_as_good_as_one_with_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ambience.service.keypoints.votes._PAIRS", 1)
    found = Ballots(
        distances=np.zeros((3, 1)),
        image_ids=np.array([[9], [9], [2]]),
        turns=np.array([[0], [128], [0]], dtype=np.uint8),
        scalings=np.zeros((3, 1), np.int64),
        variants=np.zeros(3, np.int64),
    )
    assert candidates(found, count=1, unlike=UNLIKE) == [Candidate(ImageId(2), 1.0, 0)]


def test_an_image_in_many_equal_copies_has_votes() -> None:
    found = Ballots(
        distances=np.full((50, 10), 60.0),  # all as far as the last
        image_ids=np.tile(np.arange(10), (50, 1)),
        turns=np.zeros((50, 10), np.uint8),
        scalings=np.zeros((50, 10), np.int64),
        variants=np.zeros(50, np.int64),
    )
    answers = candidates(found, count=20, unlike=120.0)
    assert answers == [Candidate(ImageId(i), 25.0, 0) for i in range(10)]


def test_nothing_found_is_no_candidate() -> None:
    found = drawn(1, 5, 3, 4, 1)
    found.image_ids[:] = -1
    assert candidates(found, count=3, unlike=UNLIKE) == []
